"""Rows of a comparison's figures as Vega-Lite specifications: plain dicts, in two languages at once.

Every word in a specification may be `{"en": …, "ko": …}`; `localised` (and its twin in the page) picks one. Colours are
the page's custom properties, so a chart follows the theme without being drawn again. There are no legends here: the
page writes them as text that wraps and as buttons that a keyboard reaches. Knows no HTML.
"""

from typing import Any

from bpe_lab.report import palette, values
from bpe_lab.report.words import WORDS

Figure = dict[str, Any]
Spec = dict[str, Any]

FONT = (
    '"Pretendard Variable", Pretendard, -apple-system, BlinkMacSystemFont, "Segoe UI", "Apple SD Gothic Neo", '
    '"Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR", "Noto Sans", Roboto, sans-serif'
)
"""Latin first and Hangul by its name, each as the reader's system has it; no font travels with the page."""

_SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
_DASHES = [[1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [4, 2], [12, 3], [1, 3], [8, 2, 2, 2, 2, 2]]
_LINE_HEIGHT = 260
_BAR_STEP, _GROUPED_STEP = 28, 12
_PLAIN = ",.12~g"
_IN_ORDER = {"window": [{"op": "row_number", "as": "order"}], "groupby": ["x"]}
"""The place of each series in a stack: the order of the rows, not the alphabet's."""
_PICKED = "length(picked) == 0 || indexof(picked, datum.series) >= 0"


def spec(figure: Figure) -> Spec:
    """Return the specification of one figure, its words in both languages."""
    layers = {"line": _lines, "band": _lines, "scatter": _dots}.get(figure["kind"], _bars)(figure)
    return {
        "data": {"values": rows(figure)},
        "width": "container",
        "height": _height(figure),
        "params": [{"name": "picked", "value": []}],
        "layer": layers + _references(figure),
        "config": config(),
    }


def printed(figure: Figure, lang: str, width: int = 560) -> Spec:
    """Return the specification of one figure for paper: one language, light colours, a legend of Vega's own.

    For files that stand alone, where no page writes a legend and sets colours.
    """
    drawn = localised(spec(figure), lang)
    names = series(figure)
    heading = {"text": values.in_language(figure["title"], lang), "anchor": "start", "fontSize": 14, "offset": 14}
    look = {"background": palette.LIGHT["paper"], "padding": 14, "width": width, "title": heading}
    long = max((len(values.in_language(name, lang)) for name in names), default=0) > 24
    legend = {"orient": "bottom", "title": None, "columns": 2 if long else 4, "labelLimit": 0}
    found: Spec = _on_paper({**drawn, **look}, legend)
    return found


def _on_paper(value: Any, legend: Spec) -> Any:
    """Return part of a specification with colours for custom properties, and a legend wherever there is none."""
    if isinstance(value, dict):
        return {k: legend if k == "legend" else _on_paper(part, legend) for k, part in value.items()}
    if isinstance(value, list):
        return [_on_paper(part, legend) for part in value]
    is_property = isinstance(value, str) and value.startswith("var(--")
    return palette.LIGHT[value[6:-1]] if is_property else value


def rows(figure: Figure) -> list[dict[str, Any]]:
    """Return the rows that can be drawn, with what a tooltip shows of them."""
    form = form_of(figure)
    return [
        {
            "x": row["x"],
            "y": row["y"],
            "series": row.get("series", ""),
            "shown": values.shown(row["y"], form),
            "interval": values.interval_shown(_estimate(row), form),
        }
        | {key: row[key] for key in ("low", "high", "limit") if values.is_number(row.get(key))}
        for row in figure["rows"]
        if values.is_number(row.get("y"))
    ]


def series(figure: Figure) -> list[Any]:
    """Return the names of a figure's series, in the order of its rows."""
    return _distinct(row.get("series", "") for row in figure["rows"])


def legend(figure: Figure) -> list[dict[str, Any]]:
    """Return name, colour, shape and dash of every series, for a legend written by the page."""
    names = series(figure)
    if names in ([""], []):
        return []
    mark = "line" if figure["kind"] in ("line", "band") else "point" if figure["kind"] == "scatter" else "bar"
    looks = zip(names, _colours(names), _cycle(_SHAPES, len(names)), _cycle(_DASHES, len(names)), strict=True)
    return [{"name": n, "colour": c, "shape": s, "dash": d, "mark": mark} for n, c, s, d in looks]


def localised(value: Any, lang: str) -> Any:
    """Return `value` with every word in one language.

    >>> localised({"title": {"en": "share", "ko": "비율"}, "width": 3}, "ko")
    {'title': '비율', 'width': 3}
    """
    if values.is_word(value):
        return values.in_language(value, lang)
    if isinstance(value, dict):
        return {key: localised(part, lang) for key, part in value.items()}
    return [localised(part, lang) for part in value] if isinstance(value, list) else value


def description(figure: Figure) -> dict[str, str]:
    """Return a sentence or two for who cannot see the chart: what it shows, highest and lowest value."""
    drawn = rows(figure)
    told = {}
    for lang in values.LANGUAGES:
        title, y = values.in_language(figure["title"], lang), values.in_language(figure["y"].get("title"), lang)
        parts = [WORDS["chart_of"][lang].format(title=title, y=y, n=len(series(figure)))]
        if drawn:
            parts += [WORDS[key][lang].format(where=_where(row, lang), y=row["shown"]) for key, row in _extremes(drawn)]
        told[lang] = " ".join(parts)
    return told


def alternative(figure: Figure) -> dict[str, Any]:
    """Return the figure as a table: `columns` (words) and `rows` (word, then cells), series side by side."""
    form = form_of(figure)
    names = series(figure)
    places: list[Any] = _distinct(row["x"] for row in figure["rows"])
    cells = {(_key(row["x"]), _key(row.get("series", ""))): _estimate(row) for row in figure["rows"]}
    single = names in ([""], [])
    return {
        "columns": [figure["x"]["title"], *([figure["y"]["title"]] if single else names)],
        "rows": [
            [_label(place), *(_cell(cells.get((_key(place), _key(name))), form) for name in names)] for place in places
        ],
    }


def form_of(figure: Figure) -> str:
    """Return the format of a figure's values."""
    y = figure["y"]
    return values.form_of(y.get("unit"), (_estimate(row) for row in figure["rows"]), y.get("format"))


def _above_the_foot(figure: Figure) -> list[Spec]:
    """Return what ends intervals at the least value above 0: a logarithmic axis has no place for one that is not."""
    if figure["y"].get("type") != "log":
        return []
    ends = (row.get(key) for row in figure["rows"] for key in ("y", "low"))
    least = min((end for end in ends if values.is_number(end) and end > 0), default=1.0)
    return [{"calculate": f"max(datum.low, {least!r})", "as": "low"}]


def _lines(figure: Figure) -> list[Spec]:
    x, y, colour = _x(figure), _y(figure), _colour(figure)
    spread = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **colour}
    known = [{"filter": "isValid(datum.low) && isValid(datum.high)"}, *_above_the_foot(figure)]
    area: Spec = {"mark": {"type": "area", "fillOpacity": 0.16, "interpolate": "linear"}}
    rule: Spec = {"mark": {"type": "rule", "strokeWidth": 1.5}}
    dash = _scaled(figure, "strokeDash", _DASHES)
    shape = _scaled(figure, "shape", _SHAPES)
    intervals = {**(area if figure["kind"] == "band" else rule), "transform": known}
    return [
        *([{**intervals, "encoding": {**spread, **_faded()}}] if _has_intervals(figure) else []),
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y, **colour, **dash, **_faded()}},
        {
            "mark": {"type": "point", "filled": True, "size": 58},
            "encoding": {"x": x, "y": y, **colour, **shape, **_faded(), "tooltip": _tooltip(figure)},
        },
    ]


def _has_intervals(figure: Figure) -> bool:
    return any(values.ends(_estimate(row)) for row in figure["rows"])


def _dots(figure: Figure) -> list[Spec]:
    return [layer for layer in _lines(figure) if layer["mark"]["type"] != "line"]


def _bars(figure: Figure) -> list[Spec]:
    """Return horizontal bars: names of tokenizers are long, and a phone is narrow.

    Where `from_zero` is False they are points: a bar that does not begin at 0 would lie.
    """
    stacked = figure["kind"] == "stacked-bar"
    grouped = figure["kind"] == "grouped-bar"
    points = not figure.get("from_zero", True)
    scale = {"paddingInner": 0.22 if grouped else 0.38, "paddingOuter": 0.12}
    place = {"y": {"field": "x", "type": "nominal", "sort": None, "axis": _name_axis(), "scale": scale}}
    if grouped:
        place["yOffset"] = {"field": "series", "type": "nominal", "sort": None, "scale": {"paddingInner": 0.15}}
    length = {**_y(figure), "stack": "zero" if stacked else None}
    if not points:
        length["scale"] = {"zero": True, "nice": not stacked}
    colour = _colour(figure)
    outline = {"stroke": "var(--paper)", "strokeWidth": 1} if stacked else {"stroke": None, "strokeWidth": 0}
    bar: Spec = {
        "mark": {"type": "point", "filled": True, "size": 90} if points else {"type": "bar", **outline},
        "encoding": {**place, "x": length, **colour, **_faded(), "tooltip": _tooltip(figure)},
    }
    if stacked:
        bar["encoding"]["order"] = {"field": "order", "type": "quantitative"}
        bar["transform"] = [_IN_ORDER]
        return [bar]
    whiskers = [_whiskers(figure, place, length)] if _has_intervals(figure) else []
    return [bar, *whiskers, *_limits(figure, place, length)]


def _whiskers(figure: Figure, place: Spec, length: Spec) -> Spec:
    return {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.25},
        "encoding": {**place, "x": {**length, "field": "low"}, "x2": {"field": "high"}, **_faded()},
    }


def _limits(figure: Figure, place: Spec, length: Spec) -> list[Spec]:
    """Return the marks of what a bar could reach at most, where rows have a `limit`."""
    if not any(values.is_number(row.get("limit")) for row in figure["rows"]):
        return []
    mark = {"type": "tick", "color": "var(--cut)", "thickness": 2.5, "size": 16}
    tip = [{"field": "limit", "title": WORDS["limit"], "format": form_of(figure)}]
    known = [{"filter": "isValid(datum.limit)"}]
    return [
        {"transform": known, "mark": mark, "encoding": {**place, "x": {**length, "field": "limit"}, "tooltip": tip}}
    ]


def _references(figure: Figure) -> list[Spec]:
    """Return a dashed line and its name for every `reference` of the figure, drawn across at a value of y."""
    channel = "x" if figure["kind"].endswith("bar") else "y"
    layers: list[Spec] = []
    for reference in figure.get("reference") or []:
        at = {channel: {"datum": reference["y"]}}
        once = {"data": {"values": [{}]}, "encoding": at}
        layers.append({**once, "mark": {"type": "rule", "color": "var(--cut)", "strokeDash": [4, 3]}})
        place = {"align": "center", "dy": -9, "y": 0} if channel == "x" else {"align": "right", "dy": -6, "x": "width"}
        text = {"type": "text", "color": "var(--cut)", "fontSize": 11, "text": reference["label"], **place}
        layers.append({**once, "mark": text})
    return layers


def _x(figure: Figure) -> Spec:
    kind, title = figure["x"].get("type", "nominal"), figure["x"].get("title")
    if kind == "nominal":
        return {
            "field": "x",
            "type": "ordinal",
            "sort": None,
            "title": title,
            "scale": {"type": "point", "padding": 0.4},
            "axis": {"labelAngle": 0, "labelOverlap": "greedy", "grid": False},
        }
    scale: Spec = {"padding": 14, "nice": False, **({"type": "log"} if kind == "log" else {"zero": False})}
    ticks = _ticks({row["x"] for row in figure["rows"] if values.is_number(row["x"])})
    axis: Spec = {"grid": False, "format": figure["x"].get("format", _PLAIN), "labelOverlap": "greedy", "tickCount": 6}
    if len(ticks) <= 8 and figure["kind"] != "scatter":
        axis["values"] = ticks
    return {"field": "x", "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _ticks(places: set[float]) -> list[float]:
    """Return where ticks stand: at the places themselves, measured ones to three digits, so that neighbours are one.

    >>> _ticks({2048, 512}), _ticks({1.0017, 1.0038, 4.0016})
    ([512, 2048], [1.0, 4.0])
    """
    whole = all(float(place).is_integer() for place in places)
    return sorted(places if whole else {float(f"{place:.3g}") for place in places})


def _y(figure: Figure) -> Spec:
    scale: Spec = {"nice": True, **({"type": "log"} if figure["y"].get("type") == "log" else {"zero": False})}
    axis = {"format": _vega_form(form_of(figure)), "tickCount": 5, "domain": False, "ticks": False}
    return {"field": "y", "type": "quantitative", "title": figure["y"].get("title"), "scale": scale, "axis": axis}


def _vega_form(form: str) -> str:
    """Return a format for an axis, where zeros at the end say nothing."""
    return form.replace("%", "~%") if form.endswith("%") else form.replace("f", "~f")


def _name_axis() -> Spec:
    return {"title": None, "labelPadding": 6, "domain": False, "ticks": False}


def _colour(figure: Figure) -> Spec:
    names = series(figure)
    if names in ([""], []):
        return {"color": {"value": "var(--s2)"}}
    scale = {"domain": names, "range": _colours(names)}
    return {"color": {"field": "series", "type": "nominal", "sort": None, "scale": scale, "legend": None}}


def _scaled(figure: Figure, channel: str, looks: list[Any]) -> Spec:
    names = series(figure)
    if names in ([""], []):
        return {}
    scale = {"domain": names, "range": _cycle(looks, len(names))}
    return {channel: {"field": "series", "type": "nominal", "sort": None, "scale": scale, "legend": None}}


def _colours(names: list[Any]) -> list[str]:
    return [f"var(--s{slot})" for slot in palette.slots([values.in_language(name, "en") for name in names])]


def _faded() -> Spec:
    return {"opacity": {"condition": {"test": _PICKED, "value": 1}, "value": 0.12}}


def _tooltip(figure: Figure) -> list[Spec]:
    x_form = {"format": figure["x"].get("format", _PLAIN)} if figure["x"].get("type", "nominal") != "nominal" else {}
    kind = "nominal" if not x_form else "quantitative"
    tips: list[Spec] = [{"field": "x", "type": kind, "title": figure["x"].get("title"), **x_form}]
    if series(figure) not in ([""], []):
        tips.append({"field": "series", "type": "nominal", "title": figure.get("series_title") or WORDS["series"]})
    tips.append({"field": "shown", "type": "nominal", "title": figure["y"].get("title")})
    return [*tips, {"field": "interval", "type": "nominal", "title": WORDS["interval"]}]


def _height(figure: Figure) -> int:
    if not figure["kind"].endswith("bar"):
        return _LINE_HEIGHT
    n_places = len(_distinct(row["x"] for row in figure["rows"]))
    n_series = len(series(figure)) if figure["kind"] == "grouped-bar" else 1
    return max(n_places * max(_BAR_STEP, n_series * _GROUPED_STEP + 12), 60)


def _estimate(row: dict[str, Any]) -> dict[str, Any]:
    return {"value": row.get("y"), "low": row.get("low"), "high": row.get("high")}


def _cell(estimate: Any, form: str) -> dict[str, str]:
    return {"shown": values.shown(estimate, form), "interval": values.interval_shown(estimate, form)}


def _label(place: Any) -> Any:
    return values.shown(place, values.form_of(None, [place])) if values.is_number(place) else place


def _where(row: dict[str, Any], lang: str) -> str:
    parts = [values.in_language(row["series"], lang), values.in_language(_label(row["x"]), lang)]
    return ", ".join(part for part in parts if part)


def _extremes(drawn: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [("highest", max(drawn, key=_height_of)), ("lowest", min(drawn, key=_height_of))]


def _height_of(row: dict[str, Any]) -> float:
    return float(row["y"])


def _distinct(names: Any) -> list[Any]:
    return list({_key(name): name for name in names}.values())


def _key(name: Any) -> str:
    return values.in_language(name, "en")


def _cycle(looks: list[Any], n: int) -> list[Any]:
    return [looks[i % len(looks)] for i in range(n)]


def config() -> Spec:
    """Return how every chart looks: hairlines, the page's own type and colours."""
    quiet = {"labelColor": "var(--soft)", "titleColor": "var(--soft)", "gridColor": "var(--line)"}
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            **quiet,
            "domainColor": "var(--strong-line)",
            "tickColor": "var(--strong-line)",
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "tickSize": 4,
        },
        "axisY": {"titleAnchor": "end", "titleAlign": "left", "titleAngle": 0, "titleY": -10, "titleX": 0},
    }
