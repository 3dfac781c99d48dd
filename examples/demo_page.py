"""The page of the demo: every journey with its figures as a picture, and one person's week. No scripts, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from journeys.runtime.render import graph_of, to_svg

if TYPE_CHECKING:
    from demo import Figures, Week
    from demo_story import Line, Story

STYLE = """
:root { color-scheme: light dark; --paper: #f4efe8; --card: #fffdfa; --ink: #2b211a; --quiet: #7a6a5d; --line: #e4dacd;
  --accent: #9a5b2c; --accent-soft: #f3e4d6; --shadow: 40 25 10; }
@media (prefers-color-scheme: dark) { :root { --paper: #15110e; --card: #1e1814; --ink: #f1e9e1; --quiet: #a8978a;
  --line: #352b24; --accent: #d99a68; --accent-soft: #33251a; --shadow: 0 0 0; } }
* { box-sizing: border-box; margin: 0; }
html { scroll-behavior: smooth; }
body { background: var(--paper); color: var(--ink); font: 16px/1.55 Inter, -apple-system, 'Segoe UI', Roboto,
  'Helvetica Neue', Arial, 'Noto Sans', 'Liberation Sans', sans-serif; padding: clamp(1rem, 4vw, 4rem); }
main { max-width: 1500px; margin: 0 auto; }
h1 { font: 600 clamp(2rem, 5vw, 3.4rem)/1.1 Georgia, 'Times New Roman', serif; letter-spacing: -.02em; }
h2 { font: 600 1.6rem/1.2 Georgia, 'Times New Roman', serif; margin: 3.5rem 0 1.2rem; }
h3 { font-size: 1.05rem; line-height: 1.3; }
p.lead { color: var(--quiet); max-width: 46rem; margin-top: 1rem; font-size: 1.05rem; }
.facts { display: flex; flex-wrap: wrap; gap: .9rem; margin-top: 2rem; padding: 0; list-style: none; }
.facts li { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: .9rem 1.3rem;
  min-width: 9rem; color: var(--quiet); font-size: .9rem; }
.facts b { display: block; color: var(--ink); font-size: 1.7rem; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.cards { columns: 25rem auto; column-gap: 1.4rem; }
.card { break-inside: avoid; background: var(--card); border: 1px solid var(--line); border-radius: 18px;
  overflow: hidden; margin-bottom: 1.4rem; box-shadow: 0 10px 30px -18px rgb(var(--shadow) / .35); }
.card header { padding: 1.2rem 1.3rem 1rem; }
.card p { color: var(--quiet); font-size: .92rem; margin-top: .25rem; }
.figures { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .8rem; }
.figures span { background: var(--accent-soft); color: var(--accent); border-radius: 99px; padding: .12rem .7rem;
  font-size: .82rem; }
.figures b { font-variant-numeric: tabular-nums; }
.card a { display: block; border-top: 1px solid var(--line); cursor: zoom-in; }
.card img { display: block; width: 100%; height: auto; }
.big { display: none; position: fixed; inset: 0; overflow: auto; padding: 2.5rem; background: rgb(20 14 10 / .8);
  z-index: 2; cursor: zoom-out; }
.big:target { display: grid; place-items: start center; }
.big img { max-width: none; border-radius: 16px; }
.story { background: var(--card); border: 1px solid var(--line); border-radius: 18px; padding: 1.6rem 1.8rem;
  max-width: 62rem; list-style: none; }
.story .day { font-weight: 650; margin: 1.1rem 0 .5rem; }
.story .day:first-child { margin-top: 0; }
.story .call, .story .journey { display: grid; grid-template-columns: 3.6rem 1fr; padding: .1rem 0; }
.story time { color: var(--quiet); font-variant-numeric: tabular-nums; }
.story .journey div { color: var(--accent); background: var(--accent-soft); border-radius: 9px; padding: .05rem .7rem;
  justify-self: start; margin: .1rem 0; }
footer { color: var(--quiet); margin-top: 3rem; font-size: .9rem; }
"""


def write(folder: Path, week: Week, figures: Sequence[Figures], story: Story) -> Path:
    """Writes the pictures and the page into the folder; gives the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in figures:
        picture = to_svg(graph_of(each.journey).with_counts(each.counts))
        (folder / f"{each.journey.key}.svg").write_text(picture, encoding="utf-8")
    page = folder / "index.html"
    page.write_text(_page(week, figures, story), encoding="utf-8")
    return page


def _page(week: Week, figures: Sequence[Figures], story: Story) -> str:
    entered = sum(each.counts.entered for each in figures)
    facts = {
        "people": len(week.shop.people),
        "calls": len(week.calls),
        "journeys": len(figures),
        "times somebody entered": entered,
        "deliveries": sum(len(each.deliveries) for each in week.sinks.values()),
        "calls that came late": week.answers["late"],
        "duplicates": week.answers["duplicate"],
    }
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A week of a small coffee shop</title>
<style>{STYLE}</style>
<main>
<h1>A week of a small coffee shop</h1>
<p class="lead">Everything that its customers did in one week of March 2026, and in the months before, went through
thirteen journeys at once. The pictures show how many people took which way, and where they waited when the week
was over.</p>
<ul class="facts">{"".join(f"<li><b>{number:,}</b>{escape(name)}</li>" for name, number in facts.items())}</ul>
<h2>The journeys</h2>
<section class="cards">
{"".join(_card(each) for each in figures)}</section>
<h2>The week of {escape(story.person.name)}</h2>
<ul class="story">
{"".join(_story_line(line) for line in story.lines())}</ul>
<footer>Made by <code>make demo</code>. The people are invented; the figures are counted from the trace.</footer>
{"".join(_big(each) for each in figures)}</main>
</html>
"""


def _card(each: Figures) -> str:
    journey = each.journey
    chips = "".join(f"<span><b>{number:,}</b> {escape(name)}</span>" for name, number in each.counts.figures)
    name = escape(journey.name)
    return f"""<article class="card"><header><h3>{name}</h3><p>{escape(journey.description or "")}</p>
<div class="figures">{chips}</div></header>
<a href="#{journey.key}"><img loading="lazy" src="{journey.key}.svg" alt="The journey “{name}” with its figures"></a>
</article>
"""


def _big(each: Figures) -> str:
    key = each.journey.key
    return f'<a class="big" id="{key}" href="#close"><img loading="lazy" src="{key}.svg" alt=""></a>\n'


def _story_line(line: Line) -> str:
    if not line.time:
        return f'<li class="day">{escape(line.text)}</li>\n'
    return f'<li class="{line.kind}"><time>{line.time}</time><div>{escape(line.text)}</div></li>\n'
