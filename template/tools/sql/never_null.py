"""Which of PostgreSQL's own functions, operators and aggregates return NULL, and when.

Strictness alone says only that NULL goes in and NULL comes out. What the analysis needs is the
converse: no NULL in, no NULL out. That is written down nowhere in the catalogue, so this is a list
made by reading the C source of PostgreSQL 18 (`PG_RETURN_NULL` and what it calls), and checked by
calling everything in it with every edge value that the tests know, on each version supported.

Only functions in `pg_catalog` with an OID from initdb are ever looked up here. A function that is
not in these lists may return NULL, so a missing entry costs an unneeded `| None`, never a crash.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Functions whose every overload in pg_catalog returns NULL only for a NULL argument, apart from
# the overloads in NULLABLE_OVERLOADS. Left out on purpose, because they do return NULL:
# array_length and its kin (empty array), date_part and extract (infinite dates; see
# FINITE_FIELDS), json(b)_extract_path, regexp_match, regexp_substr, substring by pattern,
# to_number (empty format), scale (NaN), to_regclass, pg_get_…, has_…_privilege, current_schema.
FUNCTIONS = _names(
    """
    ascii bit_length btrim char_length character_length chr convert convert_from convert_to crc32
    crc32c decode encode get_bit get_byte initcap left length like like_escape lower lpad ltrim md5
    normalize notlike octet_length overlay parse_ident position quote_ident quote_literal
    regexp_count regexp_instr regexp_like regexp_replace regexp_split_to_array repeat replace
    reverse right rpad rtrim set_bit set_byte sha224 sha256 sha384 sha512 similar_to_escape
    split_part starts_with strpos substr substring to_ascii to_bin to_hex to_oct
    translate unicode_assigned unistr upper

    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh bit_count cbrt ceil ceiling
    cos cosd cosh cot cotd degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log
    log10 mod pi pow power radians random random_normal round sign sin sind sinh sqrt tan tand tanh
    to_char trim_scale trunc width_bucket

    age clock_timestamp date_add date_bin date_subtract date_trunc isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp
    make_timestamptz now statement_timestamp timeofday timezone to_date to_timestamp
    transaction_timestamp

    gen_random_uuid uuidv4 uuidv7

    array_reverse array_sample array_shuffle array_sort array_to_string cardinality trim_array

    array_to_json json_array_length json_object json_strip_nulls json_typeof jsonb_array_length
    jsonb_insert jsonb_object jsonb_path_query_array jsonb_path_query_array_tz jsonb_pretty
    jsonb_set jsonb_strip_nulls jsonb_typeof row_to_json to_json to_jsonb

    isempty lower_inc lower_inf multirange range_merge upper_inc upper_inf

    abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network
    set_masklen

    json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery querytree setweight
    strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd ts_rewrite
    tsquery_phrase tsvector_to_array websearch_to_tsquery

    currval lastval nextval setval

    hashtext hashtextextended

    current_database current_user getpgusername pg_advisory_unlock pg_advisory_unlock_shared
    pg_backend_pid pg_column_size pg_current_snapshot pg_current_wal_lsn pg_current_xact_id
    pg_postmaster_start_time pg_size_bytes pg_size_pretty pg_snapshot_xmax pg_snapshot_xmin
    pg_trigger_depth pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
    pg_try_advisory_xact_lock_shared pg_wal_lsn_diff session_user txid_current version

    bit bool box bpchar bytea char cidr circle date datemultirange daterange float4 float8 int2
    int4 int4multirange int4range int8 int8multirange int8range interval macaddr macaddr8 money name
    nummultirange numrange numeric path regclass text time timestamp timestamptz timetz tsmultirange
    tsrange tstzmultirange tstzrange varbit varchar xid
    """
)

# Overloads of the names above that do return NULL for arguments that are not NULL.
NULLABLE_OVERLOADS = frozenset(
    {
        "lower(anyrange)",  # an empty or unbounded range
        "lower(anymultirange)",
        "upper(anyrange)",
        "upper(anymultirange)",
        "substring(text,text)",  # no match
        "substring(text,text,text)",
        "to_char(timestamp without time zone,text)",  # infinity, or an empty format
        "to_char(timestamp with time zone,text)",
        "to_char(interval,text)",
        "time(timestamp without time zone)",  # infinity has no time of day
        "time(timestamp with time zone)",
        "timetz(timestamp with time zone)",
        "bool(jsonb)",  # JSON's null, since PostgreSQL 18
        "float4(jsonb)",
        "float8(jsonb)",
        "int2(jsonb)",
        "int4(jsonb)",
        "int8(jsonb)",
        "numeric(jsonb)",
    }
)

# Functions that return no NULL even for NULL arguments. (For a VARIADIC array it must not be NULL.)
NEVER = _names(
    """
    array_append array_prepend concat json_build_array json_build_object jsonb_build_array
    jsonb_build_object num_nonnulls num_nulls pg_typeof quote_nullable

    daterange int4range int8range numrange tsrange tstzrange
    """
)

# Functions that are NULL only if their first argument is.
FIRST_ARGUMENT = frozenset(
    {"array_remove", "array_replace", "concat_ws", "format", "string_to_array"}
)

# Functions that are NULL only if every argument is.
ANY_ARGUMENT = frozenset({"array_cat"})

# Set-returning functions none of whose elements is NULL, whatever the arguments: being strict,
# they return no row for a NULL. Left out: the …_text functions, where JSON's null becomes NULL.
SETS = _names(
    """
    generate_series generate_subscripts json_array_elements json_object_keys jsonb_array_elements
    jsonb_object_keys jsonb_path_query jsonb_path_query_tz regexp_matches regexp_split_to_table
    """
)

# Overloads of further names of which that is true.
SET_OVERLOADS = frozenset({"string_to_table(text,text)", "unnest(anymultirange)"})

# Columns of set-returning functions with several columns.
SET_COLUMNS = {
    "json_each": (True, True),
    "jsonb_each": (True, True),
    "json_each_text": (True, False),
    "jsonb_each_text": (True, False),
}

# Fields that extract() and date_part() compute for infinite dates and timestamps too.
FINITE_FIELDS = frozenset({"century", "decade", "epoch", "isoyear", "julian", "millennium", "year"})
EXTRACT = frozenset({"date_part", "extract"})
# Types that have no infinity, so that extract() knows all their fields.
ALWAYS_FINITE = frozenset({"time without time zone", "time with time zone"})

# Operators of pg_catalog whose functions return NULL only for a NULL argument, apart from those in
# NULLABLE_OPERATORS. Left out: -> ->> #> #>> @? (no such element, no such path).
OPERATORS = _names(
    """
    = <> < > <= >= + - * / % ^ |/ ||/ @ & | # ~ << >> && @> <@ || ~~ !~~ ~~* !~~* !~ ~* !~* ^@
    ? ?| ?& #- @@ @@@ !! -|- &< &> >>= <<= <-> ~<~ ~<=~ ~>=~ ~>~ *= *<> *< *> *<= *>=
    """
)

# Functions behind operators of those names that do return NULL.
NULLABLE_OPERATORS = _names(
    """
    box_intersect line_interpt lseg_interpt path_add path_distance poly_distance aclinsert
    aclremove jsonb_path_match_opr
    """
)

# Aggregates that return a value for any group, even an empty one.
AGGREGATES_ALWAYS = frozenset(
    {"count", "cume_dist", "dense_rank", "percent_rank", "rank", "regr_count"}
)

# Aggregates that return a value for any row at all, NULL or not.
AGGREGATES_OF_ANY_ROW = _names(
    """
    array_agg json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg
    jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    """
)

# Aggregates that return a value if there is a row and no argument is NULL. Left out: stddev,
# variance, their _samp forms and covar_samp (a single row), corr, regr_slope, regr_intercept and
# regr_r2 (no variance).
AGGREGATES_OF_VALUES = _names(
    """
    any_value avg bit_and bit_or bit_xor bool_and bool_or covar_pop every max min mode
    percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_sxx
    regr_sxy regr_syy stddev_pop string_agg sum var_pop
    """
)

WINDOWS_ALWAYS = frozenset({"cume_dist", "dense_rank", "percent_rank", "rank", "row_number"})
# Window functions that are NULL only for a NULL argument.
WINDOWS_OF_VALUES = frozenset({"ntile"})
# Window functions that return an argument of a row in the frame.
WINDOWS_OF_FRAME = frozenset({"first_value", "last_value"})
WINDOWS_WITH_DEFAULT = frozenset({"lag", "lead"})
