"""How to talk to a protected broker: a group of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from streams.setting_values import empty_is_none


class Security(BaseModel):
    """How to talk to a protected broker. The certificate fields are paths of PEM files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    key_password: SecretStr | None = None
    check_hostname: bool = True

    _given = field_validator("*", mode="before")(classmethod(empty_is_none))

    @property
    def uses_sasl(self) -> bool:
        """Whether the client proves who it is with a user name and a password."""
        return self.protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.uses_sasl and not (self.sasl_username and self.sasl_password):
            raise ValueError(
                f"protocol {self.protocol} needs sasl_username and sasl_password: set "
                "RILLSTREAM_SECURITY__SASL_USERNAME and RILLSTREAM_SECURITY__SASL_PASSWORD"
            )
        if not self.uses_sasl and (self.sasl_username or self.sasl_password):
            raise ValueError(
                f"sasl_username or sasl_password is set, but protocol {self.protocol} would not "
                "send it: set RILLSTREAM_SECURITY__PROTOCOL to SASL_SSL"
            )
        if not self.uses_tls and (self.ca or self.cert or self.key):
            raise ValueError(
                f"ca, cert or key is set, but protocol {self.protocol} does not encrypt: set "
                "RILLSTREAM_SECURITY__PROTOCOL to SSL or SASL_SSL"
            )
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together: set both or neither")
        return self
