"""What `load` gets in tests: the weights of this installation, one thread, and banks that the test gives."""

from collections.abc import Mapping, Sequence

from noisegate.core.signal import BankEntry, LoadContext


def installed_context(*, threads: int = 1, banks: Mapping[str, Sequence[BankEntry]] | None = None) -> LoadContext:
    """A load context over the models folder of the settings.

    Args:
        threads: CPU threads a model may use.
        banks: Name -> entries, whatever digest is asked for; a bank that is not given is empty.
    """
    from noisegate.adapters.models.context import ModelContext
    from noisegate.adapters.models.registry import Registry
    from noisegate.settings import Settings

    settings = Settings()
    known = banks or {}
    registry = Registry(settings.models_dir, settings.manifests_dir)
    return ModelContext(registry, threads=threads, bank=lambda name, _digest: known.get(name, ()))
