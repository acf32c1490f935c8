"""Settings that cannot be are refused in one sentence each, before anything starts; the others get one form."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings
from nightshift.install.services.airflow_env import environment
from nightshift.install.services.ports import Ports, refuse_foreign_address
from nightshift.install.services.supervisor import programs

HOME = str(Path.home())
PORTS = Ports(airflow=18080, mlflow=15000, data_docs=18090)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """The settings of an environment that has these alone."""

    def made(**given: str) -> Settings:
        for name in Settings.model_fields:
            monkeypatch.delenv(f"NIGHTSHIFT_{name.upper()}", raising=False)
        for name, value in given.items():
            monkeypatch.setenv(f"NIGHTSHIFT_{name.upper()}", value)
        return Settings()

    return made


def test_what_is_empty_counts_as_unset(read) -> None:
    assert read(**dict.fromkeys(Settings.model_fields, "")) == read()
    assert read(**dict.fromkeys(Settings.model_fields, " \t")) == read(), "nor is a blank home the current folder"
    assert read().bind_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("bind_address", "localhost", "127.0.0.1"),
        ("bind_address", " 0.0.0.0\n", "0.0.0.0"),
        ("bind_address", "0:0::1", "::1"),
        ("spark_driver_memory", "2 GB", "2g"),
        ("spark_driver_memory", "2GiB", "2g"),
        ("spark_driver_memory", "1536M", "1536m"),
        ("spark_master", "local[4]", "local[4]"),
        ("spark_master", "spark://one:7077,two:7077", "spark://one:7077,two:7077"),
        ("landing_url", "/srv/landing/", "/srv/landing"),
        ("landing_url", "~/landing", f"{HOME}/landing"),
        ("landing_url", "file:/srv/landing", "/srv/landing"),
        ("landing_url", "file:///srv/my%20landing", "/srv/my landing"),
        ("landing_url", "FILE://localhost/srv/landing", "/srv/landing"),
        ("landing_url", "file:///srv/Lieferungen/M%C3%BCnchen", "/srv/Lieferungen/München"),
        ("landing_url", "/srv/o'neill/a b", "/srv/o'neill/a b"),
        # A name is what it is: only a URL spells letters by numbers.
        ("landing_url", "/srv/my%20landing", "/srv/my%20landing"),
        ("landing_url", "S3://bucket/landing", "s3://bucket/landing"),
        ("landing_url", "abfss://box@account.dfs.core.windows.net/x", None),
        ("landing_url", "s3://bucket/landing?endpoint_override=host:9000&scheme=http", None),
        ("lake_url", "s3://bucket/lake/", "s3://bucket/lake"),
        ("lake_url", "file:///srv/lake", "/srv/lake"),
        ("lake_url", "abfss://box@account.dfs.core.windows.net/x", None),
        ("archive_url", "gs://bucket", None),
        ("pages_url", "/srv/pages/", "/srv/pages"),
        ("mlflow_tracking_uri", "https://mlflow.company/", "https://mlflow.company"),
        ("mlflow_tracking_uri", " HTTPS://mlflow.company", "https://mlflow.company"),
        ("database_url", "postgresql://u@/x?host=a,b&port=5432,&sslrootcert=system&connect_timeout=9", None),
        ("database_url", "postgres://u:a:b%2Fc@h/x?sslmode=require", "postgres://u:a:b%2Fc@h/x?sslmode=require"),
        ("spark_conf", "spark.executor.memory=4g spark.sql.shuffle.partitions=64", None),
    ],
)
def test_what_people_write_gets_one_form(read, name: str, text: str, form: str | None) -> None:
    assert getattr(read(**{name: text}), name) == (text if form is None else form)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bind_address", "everyone", "no IP address"),
        ("bind_address", "0", "no IP address"),
        ("spark_driver_memory", "2", "no size of memory"),
        ("spark_driver_memory", "1.5g", "no size of memory"),
        ("spark_driver_memory", "64m", "too little for Spark"),
        ("spark_driver_memory", "99999 TB", "this machine has"),
        ("spark_master", "local[0]", "no master of Spark"),
        ("spark_master", "http://host:7077", "no master of Spark"),
        ("landing_url", "landing", "write the whole path"),
        ("landing_url", "./landing", "write the whole path"),
        ("landing_url", "~nobody-of-that-name/landing", "there is no such user"),
        ("landing_url", "file://srv/landing", "three slashes"),
        ("landing_url", "file:///srv%2Flanding", "write the plain path"),
        ("landing_url", "file:///srv/landing?x=1", "write ? as %3F"),
        ("landing_url", r"C:\landing", "write the whole path"),
        ("landing_url", r"/srv\landing", "with slashes"),
        ("landing_url", "s3a://bucket/landing", "no place that can be read"),
        ("landing_url", "s3:/bucket/landing", "no place that can be read"),
        ("landing_url", "https://host/landing", "no place that can be read"),
        ("landing_url", "s3://key:s3cret@bucket/landing", "credentials"),
        ("landing_url", "abfss://box:s3cret@account.dfs.core.windows.net/x", "credentials"),
        ("landing_url", "file://u:s3cret@host/landing", "three slashes"),
        ("landing_url", "s3_x://s3cret:s3cret@bucket", "write the whole path"),
        ("landing_url", r"\\u:s3cret@host\share", "write the whole path"),
        ("landing_url", "s3cret:x@bucket", "no place that can be read"),
        ("landing_url", "/etc/passwd", "/etc/passwd is no folder"),
        ("lake_url", "lake", "write the whole path"),
        ("lake_url", "s3://key:s3cret@bucket/lake", "credentials"),
        ("lake_url", "s3://bucket/lake?endpoint_override=host:9000", "AWS_ENDPOINT_URL"),
        ("archive_url", "s3://bucket/a%20b", "without ?, # and %"),
        ("archive_url", "abfs://box@account/archive", "tables lie in no such store"),
        ("landing_url", "hdfs://host/landing", "no place that can be read"),
        ("pages_url", "https://host/pages", "no place that can be read"),
        ("use_cases_dir", "/nowhere", "there is no such folder"),
        ("project_dir", "/nowhere", "there is no such folder"),
        ("use_cases_dir", "/nowhere", "there is no such folder"),
        ("home", "~nobody-of-that-name/home", "there is no such user"),
        ("home", "/etc/passwd", "/etc/passwd is no folder"),
        ("home", "/etc/passwd/home", "/etc/passwd is no folder"),
        ("home", "/srv/a:b", "in a folder's name"),
        ("home", "/srv/a%20b", "in a folder's name"),
        ("use_cases_dir", "/srv/a,b", "in a folder's name"),
        ("mlflow_tracking_uri", "mlflow.company:5000", "no URL of a server"),
        ("mlflow_tracking_uri", "https://me:s3cret@mlflow.company", "credentials"),
        ("mlflow_tracking_uri", "https://h h", "no URL of a server"),
        ("mlflow_tracking_uri", "postgresql://u:s3cret@h/mlflow", "no URL of a server"),
        ("mlflow_tracking_uri", "sqlite:////srv/mlflow.db", "no URL of a server"),
        ("database_url", "postgresql://u:s3cret@h:70000/x", "from 1 to 65535"),
        ("database_url", "postgresql://u:s3cret@h:0/x", "from 1 to 65535"),
        ("database_url", "postgresql:///x?host=a,b&port=1,port", "from 1 to 65535"),
        ("database_url", "postgresql://h/x?connect_timeout=abc", "connect_timeout that is no whole number"),
        ("database_url", "postgresql://h/x?sslrootcert=/nowhere.pem", "sslrootcert that is no file"),
        ("database_url", "postgresql://u:s3@cret@h/x", "more than one @"),
        ("database_url", "postgresql://u:s3@cr/et@h/x", "more than one @"),
        ("database_url", "postgresql://u:s3cret@h:port/x", "can't be read as"),
        ("database_url", "postgresql://u:[s3cret@h:x]/x", "can't be read as"),
        ("database_url", "mysql://u:s3cret@h/x", "no PostgreSQL server"),
        ("database_url", "postgresql:///ledger", "no host"),
        ("database_url", "u:s3cret@h/x", "can't be read as"),
        ("database_url", "postgresql://h/x?s3cret=1", "does not know"),
        ("database_url", "postgresql://h/x?sslmode=sometimes", "another sslmode"),
        ("spark_conf", "spark.sql.session.timeZone=Asia/Tokyo", "spark.sql.session.timeZone"),
        ("spark_conf", "spark.sql.ansi.enabled=false", "could change rows"),
        ("spark_conf", "spark.sql.files.ignoreCorruptFiles=true", "could change rows"),
        ("spark_conf", "spark.driver.memory=4g", "NIGHTSHIFT_SPARK_DRIVER_MEMORY says it"),
        ("spark_conf", "spark.ui.enabled=true", "open a port"),
        ("spark_conf", "spark.jars=/srv/other.jar", "load code"),
        ("spark_conf", "spark.hadoop.fs.file.impl=s3cret", "spark.hadoop.fs.file.impl"),
        ("spark_conf", "spark.hadoop.fs.s3a.impl=s3cret", "spark.hadoop.fs.s3a.impl"),
        ("spark_conf", "spark.hadoop.fs.s3a.access.key=s3cret", "AWS_ACCESS_KEY_ID says it"),
        ("spark_conf", "spark.hadoop.fs.s3a.endpoint=http://host:9000", "AWS_ENDPOINT_URL says it"),
        ("spark_conf", "spark.executor.memory=", "512m or more"),
        ("spark_conf", "spark.executor.memory=64m", "512m or more"),
        ("spark_conf", "spark.task.maxFailures=abc", "a whole number above 0"),
        ("spark_conf", "spark.driver.port=70000", "a port"),
        ("spark_conf", "spark.network.timeout=s3cret", "a time like 120s"),
        ("spark_conf", "spark.driver.extraJavaOptions=-Dspark.sql.ansi.enabled=s3cret", "-Dspark.sql.ansi.enabled:"),
        ("spark_conf", "spark.executor.extraJavaOptions=-Duser.timezone=Asia/Tokyo", "to -Duser.timezone:"),
        ("spark_conf", "spark.driver.extraJavaOptions=-Xmx9g", "to -Xmx9g:"),
        ("spark_conf", "spark.driver.extraJavaOptions=-javaagent:/s3cret.jar", "to -javaagent:"),
        ("spark_conf", "spark.driver.extraJavaOptions=@/srv/options", "to @:"),
        ("spark_conf", "spark.driver.extraJavaOptions=-XX:Flags=x", "to -XX"),
        ("spark_conf", "spark.driver.extraJavaOptions=-XX:Fl''ags=x", "without quotes"),
        ("spark_conf", "/nowhere/spark.conf", "can't be read"),
        ("spark_conf", "conf/spark.conf", "absolute path"),
        ("spark_conf", "secret=s3cret", "absolute path"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(read, name: str, text: str, said: str) -> None:
    with pytest.raises(NightshiftError) as refused:
        read(**{name: text})
    sentence = str(refused.value)
    assert sentence.startswith(f"NIGHTSHIFT_{name.upper()} ")
    assert said in sentence
    assert "\n" not in sentence
    assert not [piece for piece in ("s3cret", "cret", "s3@") if piece in sentence], "no piece of a password"


def test_all_that_cannot_be_is_told_at_once(read) -> None:
    with pytest.raises(NightshiftError) as refused:
        read(bind_address="x", spark_master="y", database_url="z")
    assert sorted(line.split()[0] for line in str(refused.value).splitlines()) == [
        "NIGHTSHIFT_BIND_ADDRESS",
        "NIGHTSHIFT_DATABASE_URL",
        "NIGHTSHIFT_SPARK_MASTER",
    ]


def test_another_process_gets_the_same_settings(read, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"home": "relative/home", "landing_url": "file:///srv/my%20landing", "spark_driver_memory": "3 GB"}
    settings = read(**given)
    assert read(**{name.removeprefix("NIGHTSHIFT_"): v for name, v in settings.as_variables().items()}) == settings
    assert settings.as_variables()["NIGHTSHIFT_HOME"] == str(Path("relative/home").absolute())


def test_what_has_no_login_stays_on_this_machine_whatever_is_asked(home: Settings) -> None:
    asked = home.model_copy(update={"bind_address": "0.0.0.0"})
    assert environment(asked, PORTS)["AIRFLOW__API__HOST"] == "0.0.0.0"
    for program in programs(asked, PORTS):
        assert "0.0.0.0" not in program.command
    apart = home.model_copy(update={"bind_address": "192.0.2.7"})
    assert "192.0.2.7" in environment(apart, PORTS)["NO_PROXY"].split(","), "tasks ask the API server"


def test_a_file_of_sparks_configuration_is_read_as_spark_does(read, tmp_path: Path) -> None:
    from nightshift.home.variables.spark_conf import pairs

    file = tmp_path / "spark.conf"
    file.write_text("# of the platform\n\nspark.executor.memory   4g\nspark.driver.extraJavaOptions=-Xss4m -ea\n")
    found = pairs(read(spark_conf=str(file)).spark_conf)
    assert found == {"spark.executor.memory": "4g", "spark.driver.extraJavaOptions": "-Xss4m -ea"}
    file.write_text("spark.executor.memory 4g\nspark.sql.caseSensitive true\n")
    with pytest.raises(NightshiftError, match=r"names spark\.sql\.caseSensitive, which can't be set"):
        read(spark_conf=str(file))


def test_without_a_cluster_spark_listens_on_loopback_alone(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightshift import spark_session

    # Both are set on the way.
    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(home.home))
    conf = "spark.driver.bindAddress=0.0.0.0 spark.default.parallelism=7"
    for master, address in (("local[2]", "127.0.0.1"), ("yarn", "0.0.0.0")):
        asked = home.model_copy(update={"spark_conf": conf, "spark_master": master})
        found = spark_session._configuration(asked, {})
        assert (found["spark.driver.bindAddress"], found["spark.default.parallelism"]) == (address, "7")


def test_what_a_use_case_says_of_sizes_counts_before_what_is_said_to_all(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightshift import spark_session

    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(home.home))
    conf = "spark.executor.memory=2g spark.executor.cores=3"
    asked = home.model_copy(update={"spark_conf": conf, "spark_master": "spark://master:7077"})
    found = spark_session._configuration(asked, {"spark.executor.memory": "4g"})
    assert (found["spark.executor.memory"], found["spark.executor.cores"]) == ("4g", "3")


def test_executors_of_another_version_are_refused(spark, home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightshift import spark_session
    from nightshift.ledger.code_of_attempt import BAKED

    # An image's project folder; executors here are threads that find the same one.
    project = home.home / "image"
    project.mkdir(parents=True)
    (project / BAKED).write_text("abc\n")
    asked = home.model_copy(update={"project_dir": project})
    spark_session.refuse_other_code(spark, asked)
    monkeypatch.setattr(spark_session, "version_in", lambda _: "def")
    with pytest.raises(NightshiftError, match=r"this job has code def, and executors of local.* have abc"):
        spark_session.refuse_other_code(spark, asked)


def test_on_a_cluster_executors_get_the_jars_and_only_who_knows_the_secret_is_heard(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightshift import spark_session

    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(home.home))
    secret = "known to the cluster alone"
    asked = home.model_copy(update={"spark_master": "spark://master:7077", "spark_secret": secret})
    found = spark_session._configuration(asked, {})
    assert found["spark.executor.extraClassPath"] == found["spark.driver.extraClassPath"] != ""
    assert "TieredStopAtLevel" not in found["spark.driver.extraJavaOptions"] + found["spark.executor.extraJavaOptions"]
    assert (found["spark.authenticate"], found["spark.network.crypto.enabled"]) == ("true", "true")
    assert secret not in str(found), "it would stand on the JVM's command line"
    with spark_session._secret_in_a_file(asked):
        file = Path(os.environ["SPARK_CONF_DIR"]) / "spark-defaults.conf"
        assert file.read_text() == f"spark.authenticate.secret {secret}\n"
        assert file.parent.stat().st_mode & 0o077 == 0
    assert not file.exists()
    assert "SPARK_CONF_DIR" not in os.environ


def test_an_address_of_another_machine_is_refused_before_services_start(home: Settings) -> None:
    with pytest.raises(NightshiftError, match=r"192\.0\.2\.7, where nothing can listen"):
        refuse_foreign_address(home.model_copy(update={"bind_address": "192.0.2.7"}))
    refuse_foreign_address(home.model_copy(update={"bind_address": "0.0.0.0"}))
