"""Ports: two homes never share one, and a home keeps its own."""

from __future__ import annotations

import socket
from dataclasses import astuple

import pytest

from nightshift.home.home_folder import prepare_home
from nightshift.home.settings import Settings
from nightshift.install.services.ports import Ports


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    prepare_home(settings)
    return settings


def test_a_home_keeps_its_ports_while_they_are_free(settings):
    first = Ports.choose(settings)
    assert Ports.load(settings) == first
    assert Ports.choose(settings) == first
    assert len(set(astuple(first))) == 3


def test_a_port_that_another_program_took_is_left_alone_and_the_others_stay(settings):
    first = Ports.choose(settings)
    with socket.socket() as other:
        other.bind((settings.bind_address, first.airflow))
        other.listen()
        second = Ports.choose(settings)
    assert second.airflow != first.airflow
    assert (second.mlflow, second.data_docs) == (first.mlflow, first.data_docs)


@pytest.mark.parametrize("text", ["", "{}", '{"airflow": "x"}', "[1]"])
def test_a_broken_file_is_as_none(settings, text):
    (settings.run / "ports.json").write_text(text)
    assert Ports.load(settings) is None
