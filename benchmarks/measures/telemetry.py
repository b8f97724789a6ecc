"""What telemetry costs a request: switched off, sampled and sent, beside a service without it."""

import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from benchmarks.load import closed_loop
from benchmarks.load.closed_loop import Measured, figure
from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage import machine, services
from benchmarks.stage.contenders import SERVICE, Contender, Stage, started
from slipway import say

WITHOUT: Final = "`none`"
OFF: Final = "`otlp`, switched off"
ON: Final = {"OTEL_SDK_DISABLED": "false"}
VARIABLES: Final[Mapping[str, Mapping[str, str]]] = {
    OFF: {"OTEL_SDK_DISABLED": "true"},
    "`otlp`, metrics and no traces": {**ON, "OTEL_TRACES_SAMPLER": "always_off"},
    "`otlp`, metrics and a tenth of the traces": {
        **ON,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    },
    "`otlp`, all": ON,
}
"""What each is told by OpenTelemetry's standard variables."""
AS_MANY: Final = 0.97
"""Of the requests without it. Two services of one program differ by as much."""


def measure(stage: Stage, rounds: int, seconds: int) -> Section:
    """Reads of the signed-in user, in an order that turns."""
    say(f"Measuring telemetry, {rounds} rounds ...")
    with everybody(stage) as contenders:
        found: dict[str, list[Measured]] = {name: [] for name in contenders}
        for number in range(rounds):
            for name, contender in noise.turned(list(contenders.items()), number):
                found[name].append(closed_loop.load(contender, "me", seconds))
        resident = {name: machine.resident(one.process.pid) for name, one in contenders.items()}
    return section(found, resident)


@contextmanager
def everybody(stage: Stage) -> Iterator[dict[str, Contender]]:
    """The service as it is without telemetry, and with it, once for each of `VARIABLES`, with a
    collector on the other processor. They take the tokens of the service that is measured.
    """
    serving, loading = machine.processors()
    own = stage.program(SERVICE)
    answer = "none" if stage.service.answers["telemetry"] == "otlp" else "otlp"
    answers = {**stage.service.answers, "telemetry": answer}
    with services.rendered(answers=answers) as service, ExitStack() as stack:
        shutil.copytree(stage.service.folder / "secrets", service.folder / "secrets")
        collecting = replace(
            own, name="a collector", command=service.command("collector"), settings={}, ready="/"
        )
        collector = stack.enter_context(started(collecting, loading))
        installed = service.as_in_its_image()
        other = replace(own, command=installed.serve, folder=installed.folder)
        without, observed = (own, other) if answer == "otlp" else (other, own)
        programs = {WITHOUT: without, **dict.fromkeys(VARIABLES, observed)}
        contenders = {}
        for name, program in programs.items():
            settings = {
                **own.settings,
                "METRICS_PORT": str(machine.free_port()),
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "PYTHONHASHSEED": "0",  # or each would have luck of its own
                **VARIABLES.get(name, {}),
            }
            one = replace(program, name=name, settings=settings)
            contenders[name] = stack.enter_context(started(one, serving))
            contenders[name].requests = stage.own.requests
        yield contenders


def section(found: Mapping[str, Sequence[Measured]], resident: Mapping[str, float]) -> Section:
    """Medians of each, and its ratio to the service without telemetry."""
    without = found[WITHOUT]
    rows = []
    figures = {}
    ratios = {}
    for name, measured in found.items():
        ratios[name] = noise.ratios(figure(measured, "rate"), figure(without, "rate"))
        # What the one without it needs for a request, to what this one needs.
        by_processor = noise.ratios(
            figure(without, "microseconds"), figure(measured, "microseconds")
        )
        rates = noise.Spread.of(figure(measured, "rate"))
        microseconds = statistics.median(figure(measured, "microseconds"))
        compared = ["", ""] if name == WITHOUT else [ratios[name].text(), by_processor.text()]
        rows.append(
            [name, rates.text(0), f"{microseconds:.0f}", *compared, f"{resident[name]:.0f}"]
        )
        figures[name] = {
            "rate": rates.median,
            "microseconds": microseconds,
            "ratio": ratios[name].median,
            "ratio by processor time": by_processor.median,
            "resident": resident[name],
        }
    return Section(
        "Telemetry",
        (
            *("the answer `telemetry`", "`GET /users/me`/s", "processor, µs"),
            *("ratio to `none`", "by processor time", "MiB"),
        ),
        rows,
        figures,
        [Bound("telemetry switched off, to none at all", ratios[OFF], at_least=AS_MANY)],
    )
