"""Every setting, with its unit, default and why. Environment variables `NOISEGATE_...` override `noisegate.toml`.

One frozen tree; nothing else in the program reads the environment.
"""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

_HERE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """A folder that ships with the program: inside the installed package, or at the root of a checkout."""
    inside = _HERE / name
    return inside if inside.is_dir() else _HERE.parents[1] / name


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "noisegate"


class Settings(BaseSettings):
    """The whole configuration of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="NOISEGATE_", toml_file="noisegate.toml", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path("noisegate-data"), description="Blobs, keys and the embedded database's address."
    )
    models_dir: Path = Field(
        default_factory=lambda: _cache() / "models",
        description="Verified weights, by content; shared by installations.",
    )
    packs_dir: Path = Field(
        default_factory=lambda: _shipped("packs"), description="Policy packs in force: one folder each."
    )
    manifests_dir: Path = Field(
        default_factory=lambda: _shipped("models"), description="Manifests of the models that signals may load."
    )
    database_url: str | None = Field(
        default=None, description="A PostgreSQL address; None starts the embedded server in `data_dir`."
    )
    blobs_url: str | None = Field(
        default=None, description="An object store (s3://, gs://, az://); None keeps files under `data_dir`."
    )
    host: str = Field(default="127.0.0.1", description="Address the API listens on; loopback unless told otherwise.")
    port: int = Field(default=8420, ge=0, le=65535, description="TCP port of the API; 0 lets the system choose.")
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="CPU threads that models may use together."
    )
    jobs: int = Field(default=8, ge=1, le=64, description="Items one worker assesses at the same time.")
    decoders: int = Field(default=1, ge=1, le=16, description="Guarded decoding processes per worker.")
    deadline_s: float = Field(
        default=600.0, gt=0, description="Seconds after which an undecided item follows each pack's `on_deadline`."
    )
    max_upload_bytes: int = Field(default=2 * 1024**3, gt=0, description="Largest file the API takes, in bytes.")
    webhooks_may_reach_private_addresses: bool = Field(
        default=False, description="Let webhooks go to loopback and private networks; for trying things out."
    )
    url: str | None = Field(
        default=None, description="The platform that `noisegate submit` talks to; None: the one started on `data_dir`."
    )
    api_key: SecretStr | None = Field(
        default=None, description="The key that `noisegate submit` shows; None: the administrator's, in `data_dir`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then `noisegate.toml`, then the defaults."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))
