"""What looks like personal data is recognised, and what only resembles it is not."""

from __future__ import annotations

import pytest

from expectations import personal_data

FOUND = {
    "ann.lee+news@mail.example.co.uk": "email",
    "please write to bob@example.org soon": "email",
    "DE89370400440532013000": "iban",
    "GB82 WEST 1234 5698 7654 32": "iban",
    "paid from FR1420041010050500013M02606": "iban",
    "4111 1111 1111 1111": "card",
    "5500-0000-0000-0004": "card",
    "378282246310005": "card",
    "078-05-1120": "ssn",
    "+49 171 2345678": "phone",
    "+1 (212) 555-0142": "phone",
    "(212) 555-0142": "phone",
    "212-555-0142": "phone",
    "from 203.0.113.7": "ipv4",
    # Right in form, wrong in their check digits.
    "DE89370400440532013001": "not_iban",
    "4111 1111 1111 1112": "not_card",
}
NOT_FOUND = [
    None,
    "",
    "EWR",
    "N14228",
    "1545",
    "UA 1545 EWR IAH",
    "2013-10-01",
    "2013-10-01 09:00:00",
    "2013-10-01T09:00:00+02:00",
    "2013-10-01T09:00:00.123456+0000",
    "40.692500, -74.168667",
    "-74.168667",
    "1,234,567.89",
    "3.14159265358979",
    "America/New_York",
    "BOEING 737-824",
    "0800-1600",
    "127.0.0.1",
    "version 1.2.3.4.5",
    "999.1.2.3",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "550e8400-e29b-41d4-a716-446655440000",
    "000-12-3456",
    "9876543210123456",
    "ORDER-4111-1111-1111-1111",
    "ann at example.org",
    "@handle",
    "2125550142",
]


@pytest.fixture(scope="module")
def kind(spark):
    texts = [*FOUND, *NOT_FOUND]
    rows = spark.createDataFrame([(text,) for text in texts], "text string").collect()
    assert [row.text for row in rows] == texts
    found = spark.createDataFrame([(text,) for text in texts], "text string")
    return {
        row.text: row.kind for row in found.selectExpr("text", f"{personal_data.kind_of('text')} AS kind").collect()
    }


@pytest.mark.parametrize("text", FOUND)
def test_is_found(kind, text):
    assert kind[text] == FOUND[text]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_is_not_found(kind, text):
    assert kind[text] is None


def test_one_e_mail_address_is_a_finding():
    assert personal_data.findings({"email": 1}, values=1_000_000) == {"email": 1}


def test_what_chance_makes_is_no_finding():
    # One in ten numbers of sixteen digits has the check digit of a card.
    assert personal_data.findings({"card": 100, "not_card": 900}, values=1_000) == {}
    assert personal_data.findings({"phone": 3}, values=10_000) == {}


def test_a_notable_share_or_count_is_a_finding():
    assert personal_data.findings({"phone": 3}, values=500) == {"phone": 3}
    assert personal_data.findings({"ipv4": 100}, values=10_000_000) == {"ipv4": 100}
    assert personal_data.findings({"phone": 0}, values=0) == {}
