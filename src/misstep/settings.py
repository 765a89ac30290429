"""Everything that differs between environments, read once by the composition root."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings from the environment (prefix `MISSTEP_`); command-line options override them."""

    model_config = SettingsConfigDict(env_prefix="MISSTEP_", extra="ignore")

    namespace: str = Field(
        default="misstep",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$",
        description="First part of every topic and group name; one namespace lives on one cluster.",
    )
    kafka: str | None = Field(
        default=None, description="Bootstrap servers (host:port,...). Unset: the embedded broker."
    )
    kafka_config: Path | None = Field(
        default=None,
        description="File of client settings for a secured cluster (security.protocol=SASL_SSL and the like).",
    )
    postgres: str | None = Field(
        default=None, description="Postgres DSN (postgresql://...). Unset: the embedded server."
    )
    data: Path = Field(default=Path(".misstep"), description="Directory of the embedded servers, slots and logs.")
    partitions: int = Field(default=6, ge=1, le=256, description="Partitions of each topic that `apply` creates.")
    slot: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$",
        description="Name of this host's worker slots; default: the host's name. Stable across restarts.",
    )
    otlp: str | None = Field(
        default=None,
        pattern=r"^https?://.+",
        description="Where traces go: an OTLP/HTTP collector (http://host:4318). Unset: as OTEL_EXPORTER_OTLP_ENDPOINT "
        "says; neither: no traces.",
    )
    build: str | None = Field(
        default=None, description="Version of the code that runs; default: the git commit, else 'unversioned'."
    )
