"""The page that `eyespot serve` shows, as a person uses it; run with `-m browser`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from made_server import Running, picture, running, serving_levels
from visiting import SEVEN, Visit, draw, hand_over, holds, rows, says

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e.png'


@pytest.fixture
def levels(tmp_path: Path) -> Iterator[Running]:
    """A server of a model that reads a digit from a picture's grey, which collects."""
    with serving_levels(tmp_path, collect=tmp_path / "collected") as server:
        yield server


@pytest.fixture(scope="module")
def digits(digits_run: Path) -> Iterator[Running]:
    """A server of a model that knows drawn digits."""
    with running(digits_run) as server:
        yield server


def address(server: Running) -> str:
    return f"http://{server.host}:{server.port}/"


def test_a_drawn_7_is_a_7(digits: Running, visit: Visit) -> None:
    page = visit(address(digits))
    draw(page, SEVEN)

    says(page, "7")
    page.wait_for_selector("#views img")
    assert "7" in page.locator("#ranked li").first.inner_text()
    holds(page, "#spoken", re.compile("^7, "))
    assert rows(page, 1)[0][1] == "drawing 1"


def test_a_7_can_be_drawn_by_the_keyboard(digits: Running, visit: Visit) -> None:
    page = visit(address(digits))
    page.locator("#pad").focus()
    keys = ["ArrowUp"] * 8 + ["ArrowLeft"] * 4 + [" "] + ["ArrowRight"] * 9
    keys += ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"] * 5
    for key in keys:
        page.keyboard.press(key)

    says(page, "7")


def test_three_dropped_files_are_three_rows(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))

    hand_over(page, "drop", ("a.png", picture(70)), ("b.png", picture(80)), ("c.png", picture(130)))

    assert [row[1:3] for row in rows(page, 3)] == [["c.png", "7"], ["b.png", "2"], ["a.png", "1"]]
    says(page, "7")
    page.get_by_role("button", name="b.png").click()
    says(page, "2")


def test_a_pasted_picture_is_answered(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))

    hand_over(page, "paste", ("image.png", picture(90)))

    says(page, "3")
    assert rows(page, 1)[0][2] == "3"


def test_chosen_files_are_answered_and_what_is_no_picture_is_named(
    levels: Running, visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(picture(100))
    (tmp_path / "bad.png").write_text("buy milk")
    page = visit(address(levels))

    page.set_input_files("#choose", [tmp_path / "bad.png", tmp_path / "good.png"])

    good, bad = rows(page, 2)
    assert good[1:3] == ["good.png", "4"]
    assert "is not a picture" in bad[2]


def test_what_the_model_does_not_know_is_called_unknown(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))

    hand_over(page, "drop", ("white.png", picture(255)))

    says(page, "unknown")
    assert "Nearest: 9" in page.inner_text("#sure")
    assert rows(page, 1)[0][2].split() == ["unknown", "nearest:", "9"]


def test_the_camera_answers_as_what_it_sees_changes(levels: Running, visit: Visit) -> None:
    page = visit(address(levels), permissions=["camera"])
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()

    says(page, "1")
    says(page, "5")
    says(page, "1")
    page.get_by_role("button", name="Keep this picture").click()
    assert rows(page, 1)[0][1:3] == ["camera 1", "1"]


def test_a_camera_that_is_not_allowed_is_said(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))
    page.evaluate(
        "void (navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('Permission denied', 'NotAllowedError')))"
    )
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()

    holds(page, "[role=alert]", re.compile("The camera is not allowed here"))


def test_a_page_that_is_not_secure_says_why_there_is_no_camera(
    levels: Running, visit: Visit
) -> None:
    page = visit(address(levels))
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()

    assert "secure pages only" in page.inner_text("[role=alert]")


def test_a_camera_that_is_unplugged_is_said(levels: Running, visit: Visit) -> None:
    page = visit(address(levels), permissions=["camera"])
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()
    says(page, "1")

    page.evaluate(
        "document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )

    assert "The camera has gone" in page.inner_text("[role=alert]")
    assert page.get_by_role("button", name="Start the camera").is_visible()


def test_a_correction_is_kept_for_the_next_training(
    levels: Running, visit: Visit, tmp_path: Path
) -> None:
    page = visit(address(levels))
    hand_over(page, "drop", ("a.png", picture(70)))
    says(page, "1")

    page.get_by_label("That was wrong: it is").select_option("7")
    page.get_by_role("button", name="Save").click()

    holds(page, "#saved", re.compile("1 picture is kept"))
    (kept,) = (tmp_path / "collected" / "7").iterdir()
    assert kept.read_bytes() == picture(70)
    assert "you said: 7" in rows(page, 1)[0][2]


def test_a_hostile_file_name_stays_text(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))

    hand_over(page, "drop", (HOSTILE, picture(70)))

    assert rows(page, 1)[0][1] == HOSTILE.replace("\u202e", "\ufffd")
    assert page.title().endswith("eyespot")
    assert page.locator("#rows script, #rows [onerror]").count() == 0


def test_the_table_is_saved_without_live_cells(levels: Running, visit: Visit) -> None:
    page = visit(address(levels))
    hand_over(page, "drop", ('=cmd("x"), 1.png', picture(70)), ("white.png", picture(255)))
    rows(page, 2)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()

    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "name,label,probability,unknown,corrected,error"
    assert re.fullmatch(r""""'=cmd\(""x""\), 1\.png",1,0\.\d+,false,,""", lines[1])
    assert re.fullmatch(r"white\.png,9,0\.\d+,true,,", lines[2])


def test_a_server_that_has_gone_is_said(chromium: "Browser", tmp_path: Path) -> None:
    context = chromium.new_context()  # its console complains of the failed request, rightly
    page = context.new_page()
    with serving_levels(tmp_path) as server:
        page.goto(address(server))
        page.wait_for_selector("[data-ready]", state="attached")

    hand_over(page, "drop", ("a.png", picture(70)))

    holds(page, "#answer", re.compile("does not answer"))
    context.close()


@pytest.mark.parametrize("width", [1280, 360, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_width(width: int, scheme: str, levels: Running, visit: Visit) -> None:
    page = visit(address(levels), width=width, height=700, color_scheme=scheme)
    draw(page, SEVEN)
    files = [(f"{'long-' * 40}{level}.png", picture(level)) for level in (70, 255)]
    hand_over(page, "drop", *files, ("notes.png", b"buy milk " * 9))
    rows(page, 4)

    for tab in ("Draw", "Pictures", "Camera"):
        page.get_by_role("tab", name=tab).click()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, tab
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_every_control_has_a_name_and_the_tabs_obey_the_arrows(
    levels: Running, visit: Visit
) -> None:
    page = visit(address(levels))
    hand_over(page, "drop", ("a.png", picture(70)))
    rows(page, 1)

    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input, canvas, video')].filter(one =>"
        "!one.textContent.trim() && !one.ariaLabel && !one.labels?.length).map(one => one.id)"
    )
    assert nameless == []
    page.get_by_role("tab", name="Pictures").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Camera").get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-camera"
