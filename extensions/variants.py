"""The variants' facts: what an answer means in SQL, in a Dockerfile and in package metadata.

For the template's files:

    id_type            uuidv7                              bigserial
      id_column        uuid PRIMARY KEY DEFAULT uuidv7()   bigserial PRIMARY KEY
      id_reference     uuid                                bigint
    image_base         distroless                          slim
      builder_image    python:3.13-slim-trixie             python:3.13-slim-trixie
      runtime_image    gcr.io/distroless/…:nonroot         python:3.13-slim-trixie
      runtime_python   /usr/bin/python3.13                 /usr/local/bin/python3.13
    (any)
      uv_image         ghcr.io/astral-sh/uv:0.13
    license            none    MIT    Apache-2.0    proprietary
      license_expression  ""   MIT    Apache-2.0    LicenseRef-Proprietary

For example `id {{ id_column }},` and `author_id {{ id_reference }} NOT NULL REFERENCES users`.
"""

from typing import Any, Final

from copier_template_extensions import ContextHook

_BUILDER_IMAGE: Final = "python:3.13-slim-trixie"

FACTS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "id_type": {
        "uuidv7": {
            "id_column": "uuid PRIMARY KEY DEFAULT uuidv7()",
            "id_reference": "uuid",
        },
        "bigserial": {
            "id_column": "bigserial PRIMARY KEY",
            "id_reference": "bigint",
        },
    },
    "image_base": {
        # Its Python is Debian's, of the same minor version as the builder's: wheels fit both.
        "distroless": {
            "builder_image": _BUILDER_IMAGE,
            "runtime_image": "gcr.io/distroless/python3-debian13:nonroot",
            "runtime_python": "/usr/bin/python3.13",
        },
        "slim": {
            "builder_image": _BUILDER_IMAGE,
            "runtime_image": _BUILDER_IMAGE,
            "runtime_python": "/usr/local/bin/python3.13",
        },
    },
    "license": {
        # SPDX expressions, as PEP 639 wants them.
        "none": {"license_expression": ""},
        "MIT": {"license_expression": "MIT"},
        "Apache-2.0": {"license_expression": "Apache-2.0"},
        "proprietary": {"license_expression": "LicenseRef-Proprietary"},
    },
}
"""By question, then by answer."""

UV_IMAGE: Final = "ghcr.io/astral-sh/uv:0.13"


class Variants(ContextHook):
    """Gives the template the facts of the answers given so far."""

    def hook(self, context: dict[str, Any]) -> None:
        """Add them."""
        context["uv_image"] = UV_IMAGE
        for question, facts in FACTS.items():
            context.update(facts.get(context.get(question, ""), {}))
