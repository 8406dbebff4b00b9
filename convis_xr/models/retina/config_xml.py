"""Retina description files of VirtualRetina, XML."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces, property_lexical_handler
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from convis_xr.errors import FormatError, explain
from convis_xr.models.retina import config_tree as names
from convis_xr.models.retina.config import RetinaConfig
from convis_xr.models.retina.config_format import NUMBER, parse_number
from convis_xr.models.retina.config_tree import Origin, Tree, checked_tree, from_tree, layer_name

ROOT = "retina-description-file"
#: elements of which a tree has a list, and the key of that
_LISTS = {"outer-plexiform-layer": names.OPL, "ganglion-layer": names.GANGLION}
_ELEMENTS = {key: element for element, key in _LISTS.items()}
#: elements of which there may be one
_SINGLE = (
    names.SACCADES,
    names.RETINA,
    names.LOG_POLAR,
    names.CONTRAST,
    names.LINEAR,
    names.UNDERSHOOT,
    names.SPIKES,
    names.SQUARE,
    names.CIRCULAR,
)
#: parts that stand within ``retina`` in a file, and beside it in a tree
_WITHIN_RETINA = (names.LOG_POLAR, names.OPL, names.CONTRAST, names.GANGLION)
#: how the name of a layer is noted: VirtualRetina reads over comments
_NAME = re.compile(r"\s*name: (\w+)\s*")
#: elements that may come with the positions of cells that VirtualRetina itself chose
_POSITIONS = "all-units"
#: nothing of the format is deeper; what is, is unknown and told of as a whole
_DEEPEST = 6


@dataclass
class _Node:
    tag: str
    line: int
    attributes: dict[str, str]
    children: list[_Node] = field(default_factory=list)
    #: name of the layer, from a comment
    note: str | None = None


def read_xml(path: str | Path) -> RetinaConfig:
    """See `RetinaConfig.read_xml`."""
    source = Path(path)
    data = source.read_bytes()
    root = _parse(data, source)
    if root.tag != ROOT:
        raise _fault(source, root.line, f"a root element {ROOT}", root.tag, "a retina description file")
    lines: dict[str, int] = {"": root.line}
    tree = _hoisted(_Trees(data, source, lines).tree(root, ""), source, lines)
    return from_tree(tree, Origin(lambda place: _place(source, place, lines), units=False, extras=False))


def write_xml(config: RetinaConfig, path: str | Path) -> None:
    """See `RetinaConfig.write_xml`."""
    target, tree = Path(path), checked_tree(config)
    if names.OPL not in tree:
        cure = "opl=OPLConfig(...), or write_json"
        message = explain(str(target), wanted="a retina with an outer plexiform layer", got="one without", cure=cure)
        raise FormatError(message)
    retina = {**tree[names.RETINA], **{key: tree[key] for key in _WITHIN_RETINA if key in tree}}
    retina[names.GANGLION] = _layers_to_write(tree[names.GANGLION], target)
    saccades = {names.SACCADES: tree[names.SACCADES]} if names.SACCADES in tree else {}
    lines = ['<?xml version="1.0"?>']
    _write(ROOT, {**saccades, names.RETINA: retina}, "", lines)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


# --- reading --------------------------------------------------------------------------------------------------


class _Handler(ContentHandler):
    """Makes nodes of what the parser finds."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self.source = source
        self.root: _Node | None = None
        self.open: list[_Node] = []
        self.locator: Any = None

    def setDocumentLocator(self, locator: Any) -> None:
        self.locator = locator

    def startElement(self, name: str, attrs: Any) -> None:
        node = _Node(name, self.locator.getLineNumber(), dict(attrs))
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def endElement(self, name: str) -> None:
        self.open.pop()

    def characters(self, content: str) -> None:
        if content.strip():
            got = repr(content.strip()[:40])
            place = f"{self.source}, line {self.locator.getLineNumber()}"
            cure = "attributes; it is left out"
            warnings.warn(explain(place, wanted="elements only", got=f"text {got}", cure=cure), stacklevel=2)

    def comment(self, content: str) -> None:
        found = _NAME.fullmatch(content)
        if found and self.open and self.open[-1].tag == "ganglion-layer":
            self.open[-1].note = found.group(1)

    def __getattr__(self, name: str) -> Any:
        """The other events of a lexical handler do not matter."""
        if name in ("startCDATA", "endCDATA", "startDTD", "endDTD", "startEntity", "endEntity"):
            return lambda *arguments: None
        raise AttributeError(name)


def _parse(data: bytes, source: Path) -> _Node:
    if not data.strip():
        raise FormatError(explain(str(source), wanted="an XML file", got="an empty one", cure="a whole file"))
    parser, handler = make_parser(), _Handler(source)
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, False)
    parser.setContentHandler(handler)
    parser.setProperty(property_lexical_handler, handler)
    try:
        parser.parse(BytesIO(data))
    except SAXParseException as error:
        cure = "a whole, well-formed file"
        raise _fault(source, error.getLineNumber() or 1, "XML", error.getMessage(), cure) from error
    except DefusedXmlException as error:
        line = handler.locator.getLineNumber() if handler.locator is not None else 1
        cure = "take the document type declaration out: a retina file needs none"
        raise _fault(source, line, "plain XML", f"declarations that may be harmful ({error})", cure) from error
    except (SAXException, ValueError, LookupError) as error:
        raise _fault(source, 1, "XML in UTF-8", str(error), "save it as UTF-8") from error
    assert handler.root is not None  # the parser has seen a document
    return handler.root


@dataclass
class _Trees:
    """Makes a tree of nodes, and notes on which line each of its places is."""

    data: bytes
    source: Path
    lines: dict[str, int]

    def tree(self, node: _Node, path: str) -> Tree:
        made: Tree = {}
        for name, text in node.attributes.items():
            place = f"{path}.{name}" if path else name
            self.lines[place] = self._line_of(name, node.line)
            stripped = text.strip(" \t\r\n")
            made[name] = parse_number(stripped) if NUMBER.fullmatch(stripped) else text
        if node.note is not None:
            made["name"] = node.note
            self.lines[f"{path}.name"] = node.line
        for child in node.children:
            self._add(made, child, path)
        return made

    def _add(self, made: Tree, child: _Node, path: str) -> None:
        if child.tag == _POSITIONS and path.endswith(names.SPIKES):
            cure = "the array that they come from is used"
            place = f"{self.source}, line {child.line}: {_POSITIONS}"
            warnings.warn(explain(place, wanted="an array", got="positions of single cells", cure=cure), stacklevel=2)
            return
        place = f"{path}.{child.tag}" if path else child.tag
        siblings: Any = None
        if child.tag in _LISTS and path == names.RETINA:
            siblings = made.setdefault(_LISTS[child.tag], [])
            place = f"{path}.{_LISTS[child.tag]}.{len(siblings)}"
        if (siblings is not None and not isinstance(siblings, list)) or (child.tag in made and child.tag in _SINGLE):
            raise _fault(self.source, child.line, f"one {child.tag}", "a second one", "leave one")
        self.lines[place] = child.line
        below = self.tree(child, place) if place.count(".") < _DEEPEST else {}
        if siblings is None:
            made[child.tag] = below
        else:
            siblings.append(below)

    def _line_of(self, name: str, start: int) -> int:
        """The line that an attribute stands on; the parser tells only where its element begins."""
        offset = 0
        for _ in range(start - 1):
            offset = self.data.find(b"\n", offset) + 1
        found = re.compile(rb"\s" + re.escape(name.encode()) + rb"\s*=").search(self.data, offset)
        return start if found is None else start + self.data.count(b"\n", offset, found.start() + 1)


def _hoisted(tree: Tree, source: Path, lines: dict[str, int]) -> Tree:
    """The tree with the parts of the retina beside it, and without what does not belong into the root."""
    whole = {}
    for name, value in tree.items():
        if name in (names.RETINA, names.SACCADES):
            whole[name] = value
        else:
            cure, wanted = "check its spelling; it is left out", f"{names.RETINA} or {names.SACCADES}"
            got = f"{name}, which is unknown here"
            message = explain(_place(source, name, lines), wanted=wanted, got=got, cure=cure)
            warnings.warn(message, stacklevel=2)
    retina = whole.get(names.RETINA)
    if not isinstance(retina, dict):
        raise _fault(source, lines[""], f"an element {names.RETINA}", "none", f"<{names.RETINA} ...>")
    prefix = f"{names.RETINA}."
    lines |= {place.removeprefix(prefix): line for place, line in lines.items() if place.startswith(prefix)}
    parts = {name: retina.pop(name) for name in _WITHIN_RETINA if name in retina}
    if names.OPL not in parts:
        element = _ELEMENTS[names.OPL]
        raise _fault(source, lines[names.RETINA], f"an element {element}", "none", f"<{element} ...>")
    return {**whole, **parts, "source": source.name}


def _place(source: Path, path: str, lines: Mapping[str, int]) -> str:
    """The line of a place in a tree, or of the nearest part that holds it."""
    known = path
    while known and known not in lines:
        known = known.rpartition(".")[0]
    return f"{source}, line {lines.get(known, 1)}: {path.rpartition('.')[2] or ROOT}"


def _fault(source: Path, line: int, wanted: str, got: str, cure: str) -> FormatError:
    return FormatError(explain(f"{source}, line {line}", wanted=wanted, got=got, cure=cure))


# --- writing --------------------------------------------------------------------------------------------------


def _layers_to_write(layers: list[Tree], target: Path) -> list[Tree]:
    """The layers without what the format has no place for."""
    made: list[Tree] = []
    for layer in layers:
        name = layer["name"]
        if names.SQUARE in layer or names.CIRCULAR in layer:
            got, cure = f"cells of {name}, which do not", "spikes=SpikesConfig(...), or write_json"
            raise FormatError(explain(str(target), wanted="arrays of cells that spike", got=got, cure=cure))
        if not layer["enabled"]:
            got, cure = f"{name}, which is not and is left out", "write_json keeps it"
            message = explain(str(target), wanted="layers that are enabled", got=got, cure=cure)
            warnings.warn(message, stacklevel=3)
            continue
        unsaid = {"enabled", "name"} if name == layer_name(len(made)) else {"enabled"}
        made.append({key: value for key, value in layer.items() if key not in unsaid})
    return made


def _write(tag: str, tree: Tree, indent: str, lines: list[str]) -> None:
    """One element with all that is in it, one attribute to a line as in VirtualRetina's own files."""
    inside, parts = indent + "  ", []
    lines.append(f"{indent}<{tag}")
    for key, value in tree.items():
        if isinstance(value, dict):
            parts.append((key, value))
        elif isinstance(value, list):
            parts += [(_ELEMENTS[key], part) for part in value]
        elif key != "name":
            lines.append(f"{inside}{key}={quoteattr(repr(value))}")
    if not parts and "name" not in tree:
        lines[-1] += "/>"
        return
    lines[-1] += ">"
    if "name" in tree:
        lines.append(f"{inside}<!-- name: {tree['name']} -->")
    for element, part in parts:
        _write(element, part, inside, lines)
    lines.append(f"{indent}</{tag}>")
