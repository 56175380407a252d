from __future__ import annotations

import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access import forms


@given(st.integers(0, 2**128 - 1))
def test_a_secret_leads_to_its_document(number: int) -> None:
    document = str(uuid.UUID(int=number))
    for start, is_form in (
        (forms.API_KEY_START, forms.is_api_key),
        (forms.REFERENCE_START, forms.is_reference),
        ("", forms.is_refresh),
    ):
        secret = forms.compose(start, document)
        assert is_form(secret)
        assert forms.document_of(secret, start) == document
        assert set(secret) <= set(string.ascii_letters + string.digits)
        assert forms.compose(start, document) != secret
        assert forms.compose(start, document, 7) == forms.compose(start, document, 7)


def test_clients_know_the_forms() -> None:
    """jf takes for an API key what has 73 characters at least; others know exactly 73."""
    key = forms.compose(forms.API_KEY_START, forms.fresh_id())
    assert key.startswith("AKCp8")
    assert len(key) == 73
    assert len(forms.compose(forms.REFERENCE_START, forms.fresh_id())) == 64


@pytest.mark.parametrize(
    "text",
    ["", "AKCp8", "x" * 73, "AKCp8" + "x" * 67, "AKCp8" + "x" * 69, "AKCp8" + "-" * 68,
     "AKCp8" + "x" * 67 + "\n", "AKCp8" + "é" * 68, "\ud800"],
)  # fmt: skip
def test_what_has_another_form_is_none(text: str) -> None:
    assert not forms.is_api_key(text)


def test_a_number_that_is_no_id_leads_nowhere() -> None:
    assert forms.document_of("AKCp8" + "z" * 68, forms.API_KEY_START) is None


@pytest.mark.parametrize("text", ["", "..", "a/b", "../users/admin", "x" * 36, "A" * 36])
def test_only_an_id_can_be_a_file_name(text: str) -> None:
    assert not forms.is_id(text)
    assert forms.is_id(forms.fresh_id())


def test_a_mark_fits_its_secret_alone() -> None:
    assert forms.fits("secret", forms.mark("secret"))
    for other in ("", "Secret", "secret ", "\ud800"):
        assert not forms.fits(other, forms.mark("secret"))
    for marked in ("", None, 7, "secret"):
        assert not forms.fits("secret", marked)
