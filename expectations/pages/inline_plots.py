"""Small plots as inline SVG; they take their colours from the page, and say their figures when pointed at."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 280, 64


def bars(values: Sequence[float], titles: Sequence[str], marked: int | None = None) -> Markup:
    """Bars over a common base line, one per value.

    Args:
        titles: what each bar says when pointed at.
        marked: place of a bar that stands out.
    """
    highest = max(values, default=0) or 1
    step = WIDTH / max(1, len(values))
    drawn = Markup("").join(
        Markup(
            '<g><title>{title}</title><rect class="hit" x="{left:.1f}" y="0" width="{step:.1f}" height="{full}"/>'
            '<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/></g>'
        ).format(
            title=escape(title),
            kind="bar marked" if place == marked else "bar",
            left=place * step,
            step=step,
            full=HEIGHT,
            width=max(0.5, step * 0.86),
            top=HEIGHT - HEIGHT * value / highest,
            height=HEIGHT * value / highest,
        )
        for place, (value, title) in enumerate(zip(values, titles, strict=True))
    )
    return Markup(
        '<svg class="plot" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img">{bars}'
        '<line class="base" x1="0" y1="{base}" x2="{width}" y2="{base}"/></svg>'
    ).format(width=WIDTH, height=HEIGHT, base=HEIGHT - 0.5, bars=drawn)
