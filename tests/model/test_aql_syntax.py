"""What is a query and what is none, and where a wrong one goes wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.model.aql import query as aql
from registry.model.aql.criteria import CRITERIA_LIMIT
from registry.model.aql.fields import ALL, ANY, USUAL
from registry.model.aql.syntax import NESTING_LIMIT, VALUES_LIMIT, Pairs, Scalar, read
from registry.model.aql.tokens import TEXT_LIMIT
from registry.model.errors import QueryInvalid


@pytest.mark.parametrize(
    "text",
    [
        "items.find()",
        "items.find({})",
        "item.find({})",
        "items . find ( { } ) . limit ( 1 )",
        'items.find\n(\n{\n"name"\t:\r\n"x"}\n)\n',
        "items.find({},{})",
        'items.find({"name":"x"}).include("name").sort({"$asc":["name"]}).offset(1).limit(2)',
        'items.find({"name":"x"}).limit(2).offset(1).sort({"$desc":"name"}).include("name")',
        "items.find({}).transitive()",
        'items.find({}).transitive().include("*","property","stat")',
        'items.find({"name":null,"size":-1.5e3})',
        'items.find({"name":true})',
        r'items.find({"name":"a\"b\\cü😀"})',
        'items.find({"name":"ü\n"})',
    ],
)
def test_this_is_a_query(text: str) -> None:
    assert aql.parse(text)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "line 1, column 1", "'items.find(…)' is expected, not the end of the query"),
        ("{", "line 1, column 1", "'items.find(…)' is expected, not '{'"),
        ('builds.find({"name":"x"})', "line 1, column 1", "only items can be searched"),
        ("items", "line 1, column 6", "'.' is expected, not the end"),
        ("items.found({})", "line 1, column 7", "'find' is expected, not 'found'"),
        ("items.find", "line 1, column 11", "'(' is expected"),
        ("items.find(", "line 1, column 12", "criteria between '{' and '}'"),
        ('items.find("x")', "line 1, column 12", "criteria between '{' and '}'"),
        ("items.find({)", "line 1, column 13", "a key in quotes is expected, not ')'"),
        ('items.find({"name"})', "line 1, column 19", "':' is expected, not '}'"),
        ('items.find({"name":})', "line 1, column 20", "a value: a text in quotes, a number, null"),
        ('items.find({"name":x})', "line 1, column 20", "a value: a text in quotes"),
        ('items.find({"name":"x"', "line 1, column 23", "',' or '}' is expected, not the end"),
        ('items.find({"name":"x",})', "line 1, column 24", "a key in quotes is expected, not '}'"),
        ('items.find({"a":"x" "b":1})', "line 1, column 21", "',' or '}' is expected, not 'b'"),
        ('items.find({\n  "name":"x\n})', "line 2, column 10", "that begins here has no end"),
        ("items.find({'name':1})", "line 1, column 13", "''' has no meaning outside quotes"),
        ("items.find({}) x", "line 1, column 16", "'.' and a suffix"),
        ("items.find({});", "line 1, column 15", "';' has no meaning"),
        ("items.find({}).order()", "line 1, column 16", "there is no suffix '.order'; there are"),
        ("items.find({}).limit(1).limit(2)", "line 1, column 25", "for the second time"),
        ("items.find({}).limit()", "line 1, column 22", "a whole number is expected, not ')'"),
        ("items.find({}).limit(-1)", "line 1, column 22", "a whole number is expected, not '-1'"),
        ("items.find({}).limit(1.5)", "line 1, column 22", "a whole number is expected"),
        ('items.find({}).offset("1")', "line 1, column 23", "a whole number is expected"),
        ("items.find({}).transitive(1)", "line 1, column 27", "')' is expected, not '1'"),
        ("items.find({}).include()", "line 1, column 24", "a field in quotes is expected"),
        ('items.find({}).include("x")', "line 1, column 24", "'x' cannot be included; what can"),
        ('items.find({}).include("@")', "line 1, column 24", "'@' cannot be included"),
        ('items.find({}).include("stat.x")', "line 1, column 24", "cannot be included"),
        ("items.find({}).sort({})", "line 1, column 21", "'.sort' takes one of"),
        ('items.find({}).sort({"$up":["name"]})', "line 1, column 21", "'.sort' takes one of"),
        ('items.find({}).sort({"$asc":[]})', "line 1, column 29", "at least one field to sort by"),
        ('items.find({}).sort({"$asc":["@k"]})', "line 1, column 30", "the name of a field"),
        ('items.find({}).sort({"$asc":[{}]})', "line 1, column 30", "the name of a field"),
        (r'items.find({"name":"\x"})', "line 1, column 20", "an escape that is none"),
        (r'items.find({"name":"\u12"})', "line 1, column 20", "an escape that is none"),
        ('items.find({"size":1234567890123456789})', "line 1, column 20", "at most 18 characters"),
        ('items.find({"nme":"x"})', "line 1, column 13", "there is no field 'nme'; there are repo"),
        ('items.find({"name":{"$like":"x"}})', "line 1, column 21", "there is no operator '$like'"),
        ('items.find({"name":{}})', "line 1, column 20", "an operator such as"),
        ('items.find({"name":["x"]})', "line 1, column 13", "takes a value, or an operator"),
        ('items.find({"name":{"$eq":["x"]}})', "line 1, column 27", "'$eq' takes one value"),
        ('items.find({"name":{"$eq":{"a":1}}})', "line 1, column 27", "'$eq' takes one value"),
        ('items.find({"$not":[]})', "line 1, column 13", "'$not' groups no criteria"),
        ('items.find({"$and":"x"})', "line 1, column 20", "'$and' takes an array of objects"),
        ('items.find({"$or":[1]})', "line 1, column 20", "'$or' takes an array of objects"),
        ('items.find({"$or":[]})', "line 1, column 13", "'$or' needs at least one criterion"),
        ('items.find({"$or":[{}]})', "line 1, column 13", "'$or' needs at least one criterion"),
        ('items.find({"$msp":[{"name":"x"}]})', "line 1, column 13", "'$msp' is about properties"),
        ('items.find({"size":"big"})', "line 1, column 20", "a number is expected, such as 100"),
        ('items.find({"created":"soon"})', "line 1, column 23", "a moment is expected, such as"),
        ('items.find({"created":{"$before":"5"}})', "line 1, column 34", "a span of time is expec"),
        ('items.find({"name":{"$before":"5d"}})', "line 1, column 31", "'name' is none"),
        ('items.find({"@k":{"$last":"5d"}})', "line 1, column 27", "is about moments"),
        ('items.find({"@":"v"})', "line 1, column 13", "after '@' comes the name of a property"),
        ('items.find({"type":"link"})', "line 1, column 20", "a type of items is expected"),
        ('items.find({"size":{"$gt":null}})', "line 1, column 27", "'$gt' cannot compare with"),
        ('items.find({"name":{"$match":null}})', "line 1, column 30", "cannot compare with null"),
    ],
)  # fmt: skip
def test_this_is_none_and_the_message_says_why(text: str, place: str, message: str) -> None:
    with pytest.raises(QueryInvalid) as caught:
        aql.parse(text)
    assert caught.value.message.startswith(f"AQL, {place}: ")
    assert message in caught.value.message


def test_a_key_may_stand_several_times_in_one_object() -> None:
    (criteria,) = read('items.find({"a":"1","a":"2","a":null})').criteria
    values = [pair.value for pair in criteria.pairs]
    assert [value.text for value in values if isinstance(value, Scalar)] == ["1", "2", None]
    assert [pair.key for pair in criteria.pairs] == ["a"] * 3


def test_numbers_are_kept_as_they_are_spelled() -> None:
    (criteria,) = read('items.find({"@build.number":1.50})').criteria
    assert isinstance(criteria, Pairs)
    value = criteria.pairs[0].value
    assert isinstance(value, Scalar)
    assert value.text == "1.50"


def deep(count: int) -> str:
    return '{"$and":[' * count + "{}" + "]}" * count


def wide(count: int) -> str:
    return "items.find(" + ",".join(['{"name":1}'] * count) + ")"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'items.find({{"name":"{"x" * TEXT_LIMIT}"}})', "are allowed"),
        ("{" * TEXT_LIMIT, "'items.find(…)' is expected"),
        (f"items.find({deep(NESTING_LIMIT // 2)})", "may be nested"),
        (f"items.find({deep(10_000)})", "may be nested"),
        (f"items.find({'[' * 100_000}", "criteria between"),
        (f'items.find({{"name":{"[" * 100_000}', "may be nested"),
        (f'items.find({{"name":[{"1," * (VALUES_LIMIT + 1)}1]}})', "values"),
        (
            wide(CRITERIA_LIMIT + 1),
            f"{CRITERIA_LIMIT} criteria",
        ),
        ('items.find({"name":"' + "\\" * 100_001, "has no end"),
        (f"items.find({{}}){'.transitive()' * 10_000}", "for the second time"),
        (f'items.find({{"size":{"1" * 100_000}}})', "at most 18 characters"),
        (f'items.find({{"size":"{"1" * 100_000}"}})', "a number is expected"),
        (f'items.find({{"{"x" * 100_000}":1}})', "there is no field 'xxx"),
        (f"items.find({{}}).limit({'9' * 19})", "at most 18 characters"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_hostile_queries_are_refused(text: str, message: str) -> None:
    with pytest.raises(QueryInvalid) as caught:
        aql.parse(text)
    assert message in caught.value.message
    assert len(caught.value.message) < 1000


def test_as_much_as_is_allowed_is_understood() -> None:
    aql.parse(f"items.find({deep(NESTING_LIMIT // 2 - 1)})")
    aql.parse(wide(CRITERIA_LIMIT))


PIECES = st.sampled_from(
    [
        "items.find(", "items", "find", ".", "(", ")", "{", "}", "[", "]", ",", ":", " ", "\n",
        '"name"', '"@k"', '"$and"', '"$or"', '"$msp"', '"$match"', '"$before"', '"created"', '"5d"',
        '"size"', '"x*?"', "1", "-1", "null", "true", ".include(", ".sort(", ".limit(", '"', "\\",
        '"$asc"', '"type"', "ü", "\0", "\ud800", "$", "1e9", '"property.key"', '"\\ud800"',
    ]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
@example('items.find({"name":"\\ud800"})')
def test_nothing_but_a_refusal_ever_comes_of_a_text(text: str) -> None:
    refusal = None
    try:
        aql.parse(text)
    except QueryInvalid as refused:
        refusal = refused.message
    assert refusal is None or re.match(r"AQL, line \d+, column \d+: .", refusal)


@pytest.mark.parametrize(
    ("include", "fields", "properties", "statistics"),
    [
        ("", USUAL, None, ()),
        ('"*"', ALL, None, ()),
        ('"name","repo"', ("name", "repo"), None, ()),
        ('"property"', USUAL, {ANY}, ()),
        ('"property.*"', USUAL, {ANY}, ()),
        ('"name","@k"', ("name",), {"k"}, ()),
        ('"item.name","@k","@l"', ("name",), {"k", "l"}, ()),
        ('"stat.downloaded"', USUAL, None, ("downloaded",)),
        ('"name","stat.downloads","stat.downloaded"', ("name",), None, ("downloads", "downloaded")),
    ],
)
def test_what_a_row_has(
    include: str, fields: tuple[str, ...], properties: set[str] | None, statistics: tuple[str, ...]
) -> None:
    columns = aql.parse(f"items.find({{}}){f'.include({include})' if include else ''}").columns
    assert columns.fields == fields
    assert columns.properties == properties
    assert columns.statistics == statistics
    assert not columns.virtual_repositories


def test_everything_that_a_row_can_have() -> None:
    query = aql.parse('items.find().include("*","property.key","stat","virtual_repos")')
    assert query.columns.property_columns == ("key",)
    assert set(query.columns.statistics) >= {"downloads", "downloaded", "downloaded_by"}
    assert query.columns.virtual_repositories


def test_how_rows_are_sorted_and_which_page_is_wanted() -> None:
    query = aql.parse('items.find().limit(5).offset(10).sort({"$desc":["name","item.created"]})')
    assert (query.sort, query.descending) == (["name", "created"], True)
    assert (query.offset, query.limit) == (10, 5)
    plain = aql.parse("items.find()")
    assert (plain.sort, plain.descending, plain.offset, plain.limit) == ((), False, 0, None)
