"""The dbt project of a use case inside this process: parsed once per change, built in the job's own Spark session."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nightshift.dbt_project import data_tests, run_dbt, unrun_tests
from nightshift.dbt_project.linked_folder import link
from nightshift.declarations.dbt_files import project_folder
from nightshift.declarations.use_case import UseCase
from nightshift.errors import AuditFailedError, DeclarationError
from nightshift.home.outside_errors import explained, explained_words
from nightshift.lake.audit_report import Check

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg


class DbtProject:
    """The dbt project of one use case, parsed without variables and built with those of one run.

    dbt parses everything again when its variables differ from those of the run before. So parsing gets none,
    and its cache stays good from night to night; the build takes the parsed project and gets the dates.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Args: the folder of dbt_project.yml, and where dbt may write."""
        self.folder = folder
        self._scratch = scratch
        self._linked: Path | None = None
        self._parser: threading.Thread | None = None
        self._manifest: Manifest | None = None
        self._fault: Exception | None = None

    @classmethod
    def of(cls, use_case: UseCase) -> Self:
        """The project of a use case, with a folder of the home for it alone."""
        return cls(project_folder(use_case), use_case.home.dbt_target / use_case.name)

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
        if self._fault is not None:
            raise self._fault
        assert self._manifest is not None
        return self._manifest

    def sources_of(self, models: Iterable[str]) -> set[str]:
        """Full names of the published tables that models read, themselves or through other models.

        Raises:
            NightshiftError: if dbt does not build one of them.
        """
        seen = data_tests.read_by(self.manifest, data_tests.models_of(self.manifest, models))
        sources = self.manifest.sources.items()
        return {f"{source.source_name}.{source.name}" for key, source in sources if key in seen}

    def refuse_unbuilt(self, models: Iterable[str]) -> None:
        """Ask that dbt builds each of these models.

        Raises:
            DeclarationError: naming those that it does not know, or does not build.
        """
        data_tests.models_of(self.manifest, list(models))

    def refuse_undeclared(self, declared: Set[str]) -> None:
        """Ask that the tables which the models write are what YAML declares.

        Raises:
            DeclarationError: naming the model of which that is not so.
        """
        data_tests.refuse_undeclared(self.manifest, self.folder, declared)

    def refuse_unrun(self, layers: Iterable[Iterable[str]]) -> None:
        """Ask that each data test belongs to a layer, whose run then needs its result.

        Args:
            layers: names of the models that are built together.

        Raises:
            DeclarationError: naming each test that no run would run.
        """
        unrun_tests.refuse_unrun(self.manifest, self.folder, layers)

    def refuse_untested(self, models: Sequence[str]) -> None:
        """Ask for the data tests that check models against their declarations, where these are not audited otherwise.

        Raises:
            NightshiftError: naming the tests that a model lacks, or that would let some rows pass.
        """
        nodes = data_tests.models_of(self.manifest, models)
        data_tests.refuse_lacking(data_tests.declared_tests(self.manifest, nodes), nodes)

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
            The data tests that read each model, or what is computed with it, as checks of an audit; those that block
            have passed.

        Raises:
            AuditFailedError: naming each test that failed or has no result; with the number of rows, examples, and the
                remedy.
            DeclarationError: naming each test that is set to be milder than it is declared.
        """
        nodes = data_tests.models_of(self.manifest, models)
        tests = data_tests.declared_tests(self.manifest, nodes)
        read = {node.name: data_tests.read_by(self.manifest, [node]) for node in nodes}
        selected = [f"fqn:{'.'.join(node.fqn)}" for node in (*nodes, *tests)]
        results = self.invoke(
            *("build", "--select", *selected, "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)),
            callback=_on_success(set(models), written),
        )
        failed = [result for result in results if result.status in ("error", "fail", "runtime error")]
        if told := explained_words("\n".join(str(result.message) for result in failed)):
            raise told
        if wrong := data_tests.failures(nodes, tests, results):
            share = f"{len(wrong)} of {len(nodes) + len(tests)} models and tests failed"
            found = "\n".join(wrong)
            raise AuditFailedError(f"dbt: {share}, nothing was published\n{found}\n  next: {remedy}")
        tested = [result for result in results if result.node.resource_type == "test"]
        checks = [(set(filter(_is_model, result.node.depends_on.nodes)), _check(result)) for result in tested]
        return {model: [check for parents, check in checks if parents & read[model]] for model in models}

    def invoke(
        self, command: str, *arguments: str, callback: Callable[[EventMsg], None] | None = None
    ) -> list[RunResult]:
        """Run a dbt command on the parsed project.

        Args:
            callback: is told of each event of dbt's, in the thread in which it happens, which waits for it.

        Raises:
            NightshiftError: if it cannot even start, for instance because nothing was selected.
        """
        outcome = self.command(command, *arguments, callback=callback)
        results = list(getattr(outcome.result, "results", ()))
        if not results:
            raise explained(outcome.exception) or DeclarationError(
                f"`dbt {command}` in {self.folder} did not run: {outcome.exception or 'no node'}"
            )
        return results

    def command(
        self, *command: str, callback: Callable[[EventMsg], None] | None = None, target: str = "target", **flags: object
    ) -> dbtRunnerResult:
        """What dbt answers to a command on the parsed project.

        Args:
            target: name of the folder for what dbt writes.
            flags: as :func:`nightshift.dbt_project.run_dbt.invoke` takes them.
        """
        manifest, folder = self.manifest, self._linked
        assert folder is not None
        # A run changes its manifest; the next one parses again, from the cache.
        self._manifest = self._parser = None
        return run_dbt.invoke(
            *command, folder=folder, target=self.written(target), manifest=manifest, callback=callback, **flags
        )

    def written(self, target: str) -> Path:
        """The folder of that name, into which dbt wrote."""
        return self._scratch / target

    def _parse(self) -> None:
        try:
            self._linked = link(self.folder, self._scratch)
            self._manifest = run_dbt.parse(self.folder, self._linked, self._scratch / "target")
        except Exception as error:
            # Raised by `manifest`, in the thread that needs it.
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


def _is_model(node_id: str) -> bool:
    return node_id.startswith("model.")


def _check(result: RunResult) -> Check:
    # With `warn_if` and `error_if`, a test of severity error may warn as well.
    warned = result.status == "warn"
    return Check(
        name=result.node.name,
        consequence="warns" if warned or result.node.config.severity.lower() == "warn" else "blocks",
        why=result.node.description,
        passed=result.status == "pass",
        failed_rows=result.failures,
        examples=data_tests.examples(result.node) if warned else [],
    )
