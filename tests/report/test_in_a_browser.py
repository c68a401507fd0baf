"""What readers see: no complaints, nothing beyond the screen, a player that plays."""

import pytest
from browsers import CHROMIUM, browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def wait(window, condition):
    """Until a condition is true, for ten seconds at most."""
    script = f"""new Promise((resolve) => {{
        const start = performance.now();
        const look = () => {{
            const found = Boolean({condition});
            if (found || performance.now() - start > 10000) resolve(found);
            else setTimeout(look, 20);
        }};
        look();
    }})"""
    assert window.run(script), condition


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_the_screen(window, path, width, dark):
    window.open(path, width, dark)
    wait(window, "document.querySelectorAll('figure .drawing svg').length > 8")
    assert window.complaints() == []
    assert window.run("document.documentElement.scrollWidth") <= width
    beyond = window.run(
        """[...document.querySelectorAll('body *')].filter((node) =>
            !node.closest('.scroll') && node.getBoundingClientRect().right > innerWidth
        ).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    background = window.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    # all that is drawn is inside of its drawing, and large enough to read
    cut = window.run(
        """[...document.querySelectorAll('svg text')].filter((text) => {
            const [inner, outer] = [text, text.closest('svg')].map((x) =>
                x.getBoundingClientRect());
            return inner.right > outer.right + 1 || inner.left < outer.left - 1 ||
                inner.bottom > outer.bottom + 2 || inner.height < 10;
        }).map((text) => text.textContent)"""
    )
    assert cut == []


def test_plots_are_drawn_anew_at_another_width(window, path):
    window.open(path, 1280)
    wait(window, "document.querySelector('figure .drawing svg')")
    first = "document.querySelector('figure .drawing svg').clientWidth"
    wide = window.run(first)
    window.resize(600)
    wait(window, f"{first} < 600")
    assert wide > 800
    assert window.run("document.documentElement.scrollWidth") <= 600
    texts = "getComputedStyle(document.querySelector('svg text')).fontSize"
    assert window.run(texts) == "13px"


def test_the_player_plays_and_pauses(window, path):
    window.open(path, 1280)
    now = "Number(document.getElementById('now').value)"
    assert window.run(now) == 30  # all of it; nothing plays by itself
    window.run("document.getElementById('play').click()")
    wait(window, f"{now} > 0 && {now} < 30")
    assert window.run("document.getElementById('play').textContent") == "Pause"
    wait(window, f"{now} === 30")
    wait(window, "document.getElementById('play').textContent === 'Play'")
    assert window.complaints() == []


def test_arrow_keys_step_by_a_millisecond(window, path):
    window.open(path, 1280)
    for element in ("now", "raster"):
        window.run(f"document.getElementById('{element}').focus()")
        before = window.run("Number(document.getElementById('now').value)")
        for _ in range(3):
            window.press("ArrowLeft")
        window.press("ArrowRight")
        after = window.run("Number(document.getElementById('now').value)")
        assert after == before - 2
        clock = window.run("document.getElementById('clock').textContent")
        assert clock == f"{after} ms"


def test_focus_is_visible(window, path):
    window.open(path, 1280)
    seen = set()
    for _ in range(12):
        window.press("Tab")
        seen.add(window.run("getComputedStyle(document.activeElement).outlineStyle"))
    assert seen == {"solid"}


def test_the_answer_is_that_of_the_record(window, path, ladder):
    found = next(r.evaluation for r in ladder.rungs if r.evaluation.times)
    window.open(path, 1280)
    for i in (0, 5):
        window.run(
            f"document.getElementById('image').value = {i};"
            "document.getElementById('image').dispatchEvent(new Event('change'))"
        )
        place = window.run(f"played.images[{i}].place")
        for step, place_in_time in ((5, 0), (20, 3), (30, -1)):
            window.run(
                f"document.getElementById('now').value = {step};"
                "document.getElementById('now').dispatchEvent(new Event('input'))"
            )
            said = window.run("document.getElementById('answer').textContent")
            answer = found.predictions_over_time[place, place_in_time]
            right = answer == found.labels[place]
            assert said == f"Answer so far: {answer} {'✓' if right else '✗'}"
            # bars are of the mean output, by which is answered
            highest = window.run(
                """[...document.querySelectorAll('#sure rect')]
                .map((bar, i) => [Number(bar.getAttribute('height')), i])
                .sort((a, b) => b[0] - a[0])[0][1]"""
            )
            assert highest == answer


def test_spikes_are_drawn(window, path):
    window.open(path, 1280)
    dots = window.run(
        "[...document.querySelectorAll('#raster path[stroke-width]')].map("
        "(path) => (path.getAttribute('d').match(/M/g) || []).length)"
    )
    cells = window.run(
        "[...document.querySelectorAll('#player tbody tr')][0].textContent"
    )
    listed = window.run(
        "[...document.querySelectorAll('#player tbody tr')[0].cells].slice(3).map("
        "(cell) => Number(cell.textContent))"
    )
    assert dots == listed, cells
    assert sum(dots) > 0


def test_cells_open_images(window, path):
    window.open(path, 1280)
    found = window.run(
        """[...document.querySelectorAll('#confusion [data-image]')].map((button) => {
            button.click();
            const i = document.getElementById('image').value;
            return [button.title, played.images[i].label, played.images[i].answer];
        })"""
    )
    assert found
    for title, label, answer in found:
        assert title == f"Open an image of class {label} answered {answer}"
    assert window.run("document.activeElement.id") == "image"


def test_sliders_read_curves(window, path, ladder):
    found = next(r.evaluation for r in ladder.rungs if r.evaluation.times)
    window.open(path, 1280)
    window.run(
        "{ const range = document.querySelector('#time input'); range.value = 2;"
        "range.dispatchEvent(new Event('input')); }"
    )
    said = window.run("document.querySelector('#time output').textContent")
    assert said.startswith("15 ms: ")
    assert f"spikes {found.error_over_time_percent[2]:.2f} %" in said


def test_choices_draw_others(window, path):
    window.open(path, 1280)
    for section in ("rates", "chip"):
        box = f"document.querySelector('#{section} .drawing').innerHTML"
        before = window.run(box)
        window.run(
            f"{{ const select = document.querySelector('#{section} select');"
            "select.value = 1; select.dispatchEvent(new Event('change')); }"
        )
        assert window.run(box) != before


def test_drawings_have_a_sentence_and_a_table(window, path):
    window.open(path, 1280)
    labels = window.run(
        "[...document.querySelectorAll('figure .drawing svg[role=img]')].map("
        "(svg) => svg.getAttribute('aria-label'))"
    )
    assert all(label.endswith(".") and len(label.split()) > 4 for label in labels)
    missing = window.run(
        "[...document.querySelectorAll('figure.plot')].filter("
        "(figure) => !figure.querySelector('details table')).length"
    )
    assert missing == 0
    unnamed = window.run(
        "[...document.querySelectorAll('input, select, button')].filter((control) =>"
        " !control.textContent.trim() && !(control.labels && control.labels.length)"
        ").length"
    )
    assert unnamed == 0


def test_records_can_be_downloaded_and_the_command_copied(window, path, tmp_path):
    window.open(path, 1280)
    window.call(
        "Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path)
    )
    window.run("document.getElementById('download').click()")
    wait(window, "document.getElementById('done').textContent.startsWith('Saved')")
    window.run("document.getElementById('copy').click()")
    wait(window, "/Copied|Selected/.test(document.getElementById('done').textContent)")
    assert window.complaints() == []
