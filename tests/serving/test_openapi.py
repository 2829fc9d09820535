"""What the OpenAPI description says holds, whatever is sent (Schemathesis)."""

import pytest

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")
pytestmark = pytest.mark.slow
OPERATIONS = 14
"""Routes of version 1; a new one must be tested as well."""


def test_every_route_keeps_its_description(server):
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    found = [operation.ok() for operation in schema.get_all_operations()]
    assert len(found) == OPERATIONS
    for operation in found:
        checked(operation, server)
    assert server.ask("/readyz").status == 200


def checked(operation, server):
    from schemathesis.specs.openapi.checks import positive_data_acceptance  # a form cannot say that a picture is too small

    @hypothesis.settings(max_examples=25, deadline=None, derandomize=True, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def run(case):
        case.call_and_validate(base_url=server.url, excluded_checks=[positive_data_acceptance])

    run()
