-- Sends what its arguments say, and prints what wrk has counted as JSON: requests, seconds, latencies
-- in milliseconds. Arguments: none to GET; a body to POST; "" and refresh tokens to spend one after
-- the other, each answer's next.

local tokens = {}

init = function(arguments)
  local body = arguments[1]
  if body == nil then return end
  wrk.method = 'POST'
  wrk.body = body
  for number = 2, #arguments do table.insert(tokens, arguments[number]) end
  if #tokens == 0 then return end
  request = function()
    return wrk.format(nil, nil, nil, '{"refresh_token": "' .. table.remove(tokens, 1) .. '"}')
  end
  response = function(_, _, answer)
    table.insert(tokens, answer:match('"refresh_token": ?"([^"]+)"'))
  end
end

done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
