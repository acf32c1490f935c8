"""dbt inside this process: parse once per change of the project, build in the job's own Spark session."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.audit import EXAMPLES, Check
from nightshift.errors import AuditFailedError, DeclarationError
from nightshift.outside import explained, explained_words
from nightshift.reference.dbt_models import options
from nightshift.settings import get_settings

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

# Hold a model against its declaration (dbt/tests/generic).
DECLARATION_TESTS = ("rows_are_unique", "declared_values_hold")


class DbtProject:
    """A dbt project, parsed without variables and built with those of one run.

    dbt parses everything anew when its variables differ from those of the run before. So parsing gets none,
    and its cache stays good from night to night; the build takes the parsed project and gets the dates.
    """

    def __init__(self, folder: Path) -> None:
        """Args: the folder of dbt_project.yml and profiles.yml."""
        self._folder = folder
        self._parser: threading.Thread | None = None
        self._manifest: Manifest | None = None
        self._fault: Exception | None = None

    def start_parsing(self) -> None:
        """Import dbt and parse in the background."""
        self._parser = threading.Thread(target=self._parse, name="parse-dbt", daemon=True)
        self._parser.start()

    @property
    def manifest(self) -> Manifest:
        """The parsed project; good for one build, which changes it.

        Raises:
            NightshiftError: if dbt cannot parse it.
        """
        if self._parser is None:
            self.start_parsing()
        assert self._parser is not None
        self._parser.join()
        if self._manifest is None:
            raise DeclarationError(f"dbt cannot parse {self._folder}: {self._fault}") from self._fault
        return self._manifest

    def sources_of(self, models: Iterable[str]) -> set[str]:
        """Full names of the published tables that models read, themselves or through other models."""
        manifest = self.manifest
        by_name = {node.name: node_id for node_id, node in manifest.nodes.items() if node.resource_type == "model"}
        todo = [by_name[name] for name in models]
        seen: set[str] = set()
        while todo:
            node_id = todo.pop()
            if node_id not in seen:
                seen.add(node_id)
                todo.extend(manifest.nodes[node_id].depends_on.nodes if node_id in manifest.nodes else ())
        return {f"{source.source_name}.{source.name}" for key, source in manifest.sources.items() if key in seen}

    def refuse_untested(self, models: Iterable[str]) -> None:
        """Ask for the data tests that hold models against their declarations, where these are not audited otherwise.

        Raises:
            NightshiftError: naming the tests that a model lacks, or that would let some rows pass.
        """
        from dbt.contracts.graph.nodes import GenericTestNode

        tests = [node for node in self.manifest.nodes.values() if isinstance(node, GenericTestNode)]
        lacking = [
            f"  {model}: {name}"
            for model in models
            for name in DECLARATION_TESTS
            if not any(
                test.test_metadata.name == name and _concerns(test, model) and _blocks_at_any_row(test)
                for test in tests
            )
        ]
        if lacking:
            raise DeclarationError(
                "dbt: nothing was built, as no data test would hold these models against their declared keys and "
                "values:\n" + "\n".join(lacking) + "\n  next: add these tests to `data_tests` in the YAML beside the "
                "model, with severity error, and without `where` and `error_if`; then run this stage again"
            )

    def build(
        self, models: Sequence[str], variables: Mapping[str, object], remedy: str, written: Callable[[str], None]
    ) -> dict[str, list[Check]]:
        """Run models and their data tests; unit tests are for developers and run elsewhere.

        Args:
            models: names of the models; the ephemeral ones that they read are part of them.
            variables: what dbt calls vars.
            remedy: what a person should do when a test fails.
            written: called with the name of each model once its rows are written, and before its tests begin. What it
                raises fails the model, of which no test then runs.

        Returns:
            The data tests that read each model as checks of an audit; those that block have passed.

        Raises:
            NightshiftError: naming each failed test, the number of rows, examples, and the remedy.
        """
        results = self.invoke(
            *("build", "--select", *models, "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)),
            callback=_on_success(set(models), written),
        )
        wrong = [result for result in results if result.status in ("error", "fail", "runtime error")]
        if wrong:
            if told := explained_words("\n".join(str(result.message) for result in wrong)):
                raise told
            found = "\n".join(_described(result) for result in wrong)
            raise AuditFailedError(
                f"dbt: {len(wrong)} of {len(results)} models and tests failed, nothing was published\n{found}\n"
                f"  next: {remedy}"
            )
        tests = [result for result in results if result.node.resource_type == "test"]
        checks = [(result.node, _check(result)) for result in tests]
        return {model: [check for test, check in checks if _concerns(test, model)] for model in models}

    def invoke(
        self, command: str, *arguments: str, callback: Callable[[EventMsg], None] | None = None
    ) -> list[RunResult]:
        """Run a dbt command on the parsed project.

        Args:
            callback: is told of each event of dbt's, in the thread in which it happens, which waits for it.

        Raises:
            NightshiftError: if it cannot even start, for instance because nothing was selected.
        """
        from dbt.cli.main import dbtRunner

        outcome = dbtRunner(manifest=self.manifest, callbacks=[callback] if callback else None).invoke(
            [command, *arguments, *options(self._folder, get_settings().dbt_target)]
        )
        # A run changes its manifest; the next one parses again, from the cache.
        self._manifest = self._parser = None
        if outcome.result is None or not list(outcome.result):
            raise explained(outcome.exception) or DeclarationError(
                f"`dbt {command}` in {self._folder} did not run: {outcome.exception or 'no node'}"
            )
        return list(outcome.result)

    def _parse(self) -> None:
        try:
            from dbt.cli.main import dbtRunner

            outcome = dbtRunner().invoke(["parse", *options(self._folder, get_settings().dbt_target)])
            self._manifest = outcome.result if outcome.success else None
            self._fault = outcome.exception if isinstance(outcome.exception, Exception) else None
        except Exception as error:
            # Reported by `manifest` in the thread that needs it.
            self._fault = error


def _on_success(models: Set[str], written: Callable[[str], None]) -> Callable[[EventMsg], None]:
    """Hears of each model's end: dbt queues what depends on a model, its tests among them, only after that event."""

    def told(event: EventMsg) -> None:
        if event.info.name != "NodeFinished":
            return
        node = event.data.node_info
        if node.resource_type == "model" and node.node_name in models and event.data.run_result.status == "success":
            written(node.node_name)

    return told


def _concerns(test: Any, model: str) -> bool:
    """Whether a data test reads a model; one in a file of its own stands beside no model."""
    return any(node.startswith("model.") and node.endswith(f".{model}") for node in test.depends_on.nodes)


def _blocks_at_any_row(test: Any) -> bool:
    config = test.config
    return (config.severity.lower(), config.error_if, config.where) == ("error", "!= 0", None)


def _check(result: RunResult) -> Check:
    # With `warn_if` and `error_if`, a test of severity error may warn as well.
    warned = result.status == "warn"
    return Check(
        name=result.node.name,
        consequence="warns" if warned or result.node.config.severity.lower() == "warn" else "blocks",
        why=result.node.description,
        passed=result.status == "pass",
        failed_rows=result.failures,
        examples=_examples(result.node) if warned else [],
    )


def _described(result: RunResult) -> str:
    """One failed node in the words of a log."""
    node = result.node
    if result.status != "fail":
        return f"  {node.resource_type}: {node.name} ({result.status})\n    found: {str(result.message).strip()}"
    lines = [f"  test: {node.name} ({result.failures} rows)"]
    if node.description:
        lines.append(f"    why: {node.description}")
    lines.extend(f"    example: {json.dumps(row, default=str, ensure_ascii=False)}" for row in _examples(node))
    return "\n".join(lines)


def _examples(node: Any) -> list[Mapping[str, Any]]:
    from pyspark.sql import SparkSession

    return [row.asDict() for row in SparkSession.active().sql(node.compiled_code).limit(EXAMPLES).collect()]
