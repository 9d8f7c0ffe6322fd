"""Where what can be made again lies."""

from pathlib import Path

from eyespot.files.cache import cache_folder


def test_the_cache_lies_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path))

    assert cache_folder() == tmp_path


def test_without_a_home_the_cache_lies_with_the_temporary_files(monkeypatch):
    for name in ("EYESPOT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)

    assert cache_folder().name == "eyespot-cache"
