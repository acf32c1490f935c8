"""What every test may use, in tests/ and in use_cases/<name>/tests/."""

pytest_plugins = ["tests.fixtures", "tests.landed", "tests.s3_server"]
