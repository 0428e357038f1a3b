"""All settings of rillstream: environment (`RILLSTREAM_…`), `.env`, `rillstream.toml`; frozen."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as NotJsonError

from streams.errors import SettingsError
from streams.security import Security
from streams.setting_values import broker_addresses, empty_is_none, store_address

ENV_PREFIX: Final = "RILLSTREAM_"
TOML_FILE: Final = Path("rillstream.toml")
ENV_FILE: Final = Path(".env")
MOST_RECORDED: Final = 1_000
_AN_OBJECT: Final = '{"name": "value"}, or as variables with two underscores'
_IN_JSON: Final = {"candidate_quotas": '{"trending": 150}', "learn_looked": "[1, 0.6, 0.4]"}

TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")]
TopicKind = Literal[
    "clicks",
    "searches",
    "items",
    "impressions",
    "recommendations",
    "recommendations_latest",
    "user_features",
    "decisions",
    "index_versions",
    "shop_counts",
    "model_versions",
]


class Topics(BaseModel):
    """Names of the topics, before the prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clicks: TopicName = "clicks"
    searches: TopicName = "searches"
    items: TopicName = "items"
    impressions: TopicName = "impressions"
    recommendations: TopicName = "recommendations"
    recommendations_latest: TopicName = "recommendations-latest"
    user_features: TopicName = "user-features"
    decisions: TopicName = "decisions"
    index_versions: TopicName = "index-versions"
    shop_counts: TopicName = "shop-counts"
    model_versions: TopicName = "model-versions"

    @model_validator(mode="after")
    def _are_several(self) -> Self:
        kinds: dict[str, str] = {}
        for kind, name in self:
            if kinds.setdefault(name, kind) != kind:
                raise ValueError(f"{kinds[name]} and {kind} are both called {name!r}")
        return self


class Settings(BaseSettings):
    """One frozen set of settings a process, built once by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        toml_file=TOML_FILE,
        frozen=True,
        # Unknown names are reported by load_settings, which knows where each came from.
        extra="ignore",
    )

    bootstrap_servers: Annotated[str, AfterValidator(broker_addresses)] = "127.0.0.1:9092"
    app_id: str = Field("rillstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    client_id: str = Field("rillstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    topic_prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]{0,40}$")
    topics: Topics = Topics()
    partitions: int = Field(4, ge=1, le=10_000)
    replication_factor: int = Field(1, ge=1, le=10)
    security: Security = Security()

    state_dir: Path = Path("state")
    index_dir: Path = Path("indexes")
    index_url: Annotated[str, AfterValidator(store_address)] | None = None
    store: Literal["rocksdb", "memory"] = "rocksdb"
    encoder: str | None = None
    min_recall: float = Field(0.9, ge=0, le=1)
    index_keep: int = Field(5, ge=1, le=10_000)

    delivery: Literal["exactly_once", "at_least_once"] = "exactly_once"
    batch_max: int = Field(512, ge=1, le=10_000)
    batch_window_ms: float = Field(5, ge=0, le=1_000)
    session_timeout_s: float = Field(10, ge=1, le=300)
    heartbeat_s: float = Field(2, gt=0, le=60)
    static_membership: bool = False
    max_message_bytes: int = Field(65_536, ge=1_024, le=900_000)

    slate_size: int = Field(10, ge=1, le=200)
    candidates: int = Field(50, ge=1, le=10_000)
    candidate_quotas: dict[
        Literal[
            "short_term",
            "long_term",
            "search",
            "related",
            "tables",
            "alike",
            "trending",
            "new_items",
        ],
        NonNegativeInt,
    ] = Field({})
    ef_search: int | None = Field(None, ge=1, le=1_000_000)
    rebuild_at: int = Field(10_000, ge=0, le=10_000_000)
    exclude_bought: bool = False
    policy: Path | None = None
    experiment: Path | None = None
    rules: Path | None = None
    read_impressions: bool = False
    related: Path | None = None
    reranker: Path | None = None
    shop_counts: bool = False
    ranker: Path | None = None
    draw: Literal["best", "softmax", "thompson"] = "best"
    temperature: float = Field(0.1, gt=0, le=1_000)
    epsilon: float = Field(0.0, ge=0, le=1)
    diversity: Literal["none", "mmr", "dpp"] = "none"
    relevance_share: float = Field(0.8, ge=0, le=1)
    category_cap: int = Field(0, ge=0, le=200)
    brand_cap: int = Field(0, ge=0, le=200)
    title_cap: int = Field(0, ge=0, le=200)
    publish_latest: bool = True
    publish_features: bool = False
    publish_decisions: bool = False

    learn_every_s: float = Field(60, ge=1, le=86_400)
    learn_window_s: float = Field(1_800, ge=1, le=604_800)
    learn_lateness_s: float = Field(60, ge=0, le=86_400)
    learn_rate: float = Field(1e-3, gt=0, le=1)
    learn_replay: int = Field(16_384, ge=0, le=100_000)
    learn_distance: float = Field(1.0, ge=0, le=100)
    learn_rollback: float = Field(0.02, gt=0, le=10)
    learn_past: Path | None = None
    learn_looked: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()

    faiss_threads: int = Field(1, ge=1, le=256)
    torch_threads: int = Field(1, ge=1, le=256)
    torch_device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    metrics_port: int | None = Field(None, ge=1, le=65_535)
    metrics_address: str = Field("127.0.0.1", min_length=1)
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    _given = field_validator("*", mode="before")(classmethod(empty_is_none))

    @field_validator("index_dir")
    @classmethod
    def _a_folder(cls, place: Path) -> Path:
        if re.match(r"[a-z0-9+]+:/", str(place)):
            raise ValueError("it is a folder; an object store is RILLSTREAM_INDEX_URL")
        return place

    @model_validator(mode="after")
    def _heartbeats_fit_the_session(self) -> Self:
        if self.heartbeat_s * 3 > self.session_timeout_s:
            raise ValueError(
                f"heartbeat_s={self.heartbeat_s} is too slow for session_timeout_s="
                f"{self.session_timeout_s}: use at most a third of it"
            )
        return self

    @model_validator(mode="after")
    def _decisions_fit_a_message(self) -> Self:
        if self.publish_decisions and self.candidates > MOST_RECORDED:
            raise ValueError(
                f"publish_decisions records every candidate: candidates={self.candidates} is above "
                f"{MOST_RECORDED}, with which a record fits a message"
            )
        return self

    def topic(self, kind: TopicKind) -> str:
        """Full name of a topic, with the prefix."""
        name: str = getattr(self.topics, kind)
        return self.topic_prefix + name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before `.env` before TOML."""
        toml = TomlConfigSettingsSource(settings_cls)
        return (init_settings, env_settings, dotenv_settings, toml)


def load_settings(**overrides: Any) -> Settings:
    """Settings from arguments, environment, `.env` and `rillstream.toml`, in this order.

    Raises:
        SettingsError: A name is unknown (the message has the nearest known one) or a value is bad.
    """
    unknown = list(_unknown_names())
    unknown += [f"argument {_advice(name, _keys())}" for name in overrides if name not in _keys()]
    if unknown:
        raise SettingsError("unknown setting: " + "; ".join(unknown))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except NotJsonError as error:
        name = str(error).split('"')[1]
        raise SettingsError(
            f"bad setting: {ENV_PREFIX}{name.upper()}: its values are written as JSON, such as "
            f"{_IN_JSON.get(name, _AN_OBJECT)}"
        ) from None


def _explain(error: ValidationError) -> str:
    """One line with all problems; values are left out, since they may be secrets."""
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = _variable(problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{where}: {text}" if where else text)
    return "bad setting: " + "; ".join(problems)


def _variable(place: tuple[int | str, ...]) -> str:
    """The name of a variable, and what of its value is meant; '' of several settings."""
    n_names = 2 if place and place[0] in _nested() else 1
    name = "__".join(map(str, place[:n_names])).upper()
    inside = "".join(f"[{part}]" for part in place[n_names:] if part != "[key]")
    return f"{ENV_PREFIX}{name}{inside}" if name else ""


def _nested() -> dict[str, type[BaseModel]]:
    return {"security": Security, "topics": Topics}


def _keys() -> list[str]:
    return list(Settings.model_fields)


def _known_variables() -> list[str]:
    names = [ENV_PREFIX + name.upper() for name in _keys()]
    for group, model in _nested().items():
        names += [f"{ENV_PREFIX}{group}__{name}".upper() for name in model.model_fields]
    return names


def _unknown_names() -> Iterator[str]:
    """Names set somewhere that no setting has, each with the way out."""
    known = _known_variables()
    sources: list[tuple[str, Mapping[str, object]]] = [("environment variable", os.environ)]
    if ENV_FILE.is_file():
        sources.append((f"variable in {ENV_FILE}", dotenv_values(ENV_FILE)))
    for source, names in sources:
        for name in names:
            if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
                yield f"{source} {_advice(name, known)}"
    if TOML_FILE.is_file():
        yield from _unknown_in_toml()


def _unknown_in_toml() -> Iterator[str]:
    try:
        table = tomllib.loads(TOML_FILE.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{TOML_FILE} is not valid TOML: {error}") from None
    for name, value in table.items():
        if name not in _keys():
            yield f"key in {TOML_FILE} {_advice(name, _keys())}"
        elif isinstance(value, dict) and name in _nested():
            fields = list(_nested()[name].model_fields)
            for inner in value:
                if inner not in fields:
                    yield f"key in [{name}] of {TOML_FILE} {_advice(inner, fields)}"


def _advice(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"{name} (did you mean {near[0]}?)" if near else name
