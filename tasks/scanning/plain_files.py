"""What lies beside a model: text, JSON, Parquet, a tokenizer's vocabulary; and programs, which do not belong there."""

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tasks.scanning.chat_template import scan_template
from tasks.scanning.finding import Finding, Refused, Severity, finding, unreadable
from tasks.scanning.json_text import Parsed, objects, parse_json
from tasks.scanning.keras_config import names_classes, scan_config
from tasks.scanning.limits import BLOCK, MAX_JSON, MAX_TEMPLATE
from tasks.scanning.look import Look
from tasks.scanning.region import Region
from tasks.scanning.wire import fields

_SCRIPT_SUFFIXES = (
    ".py .pyc .pyo .pyw .pyd .pyi .pyx .ipynb .sh .bash .zsh .csh .fish .bat .cmd .ps1 .psm1 .vbs .js .mjs .cjs "
    ".ts .wasm .rb .pl .pm .php .lua .tcl .r .jar .class .war .exe .dll .com .scr .msi .so .dylib .a .o .ko "
    ".app .desktop .lnk .html .htm .svg .xhtml .hta .whl .egg .deb .rpm .apk .c .cc .cpp .cu .h .java .go .rs "
    ".scala .kt .swift"
)
_SCRIPTS = frozenset(_SCRIPT_SUFFIXES.split())
_SO_VERSION = re.compile(r"\.so(\.\d+)+$")
_PROGRAMS = {
    b"\x7fELF": "ELF program",
    b"\xfe\xed\xfa\xce": "Mach-O program",
    b"\xfe\xed\xfa\xcf": "Mach-O program",
    b"\xce\xfa\xed\xfe": "Mach-O program",
    b"\xcf\xfa\xed\xfe": "Mach-O program",
    b"\xca\xfe\xba\xbe": "Java class or Mach-O program",
    b"\0asm": "WebAssembly program",
    b"dex\n": "Android program",
    b"!<arch>": "library of objects",
}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f")) + b"\x7f"
# YAML of Python's own loader, and of Hydra: both say what to import and call.
_CODE_IN_TEXT = {
    "yaml-python": re.compile(rb"!!?python/|tag:yaml\.org,2002:python/"),
    "names-code": re.compile(rb"^[ \t\-]*[\"']?_target_[\"']?[ \t]*:", re.MULTILINE),
    "script": re.compile(rb"<script[\s>]|<\?php", re.IGNORECASE),
}
_OVERLAP = 256
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
_ARROW_PICKLE = b"arrow.py_extension_type"


def script_finding(name: str) -> Finding | None:
    """A file that its name makes a program."""
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _SCRIPTS or _SO_VERSION.search(name.lower()):
        return finding("script", f"a program by its name ({suffix}): model files hold none", Severity.CRITICAL)
    return None


def program(region: Region) -> str | None:
    """The kind of machine code, where it is some."""
    head = region.read(0, 64)
    for magic, kind in _PROGRAMS.items():
        if head.startswith(magic):
            return kind
    if head[:2] == b"MZ" and len(head) == 64:
        return (
            "Windows program"
            if region.read(int.from_bytes(head[60:64], "little"), 2) in (b"PE", b"NE", b"LE")
            else None
        )
    is_bytecode = head[2:4] == b"\r\n" and len(head) > 16 and head[5:8] == b"\0\0\0" and head[4] < 4
    return "Python bytecode" if is_bytecode else None


def scan_program(region: Region, _: Look) -> Iterator[Finding]:
    yield finding("program", f"{program(region)}: model files hold none", Severity.CRITICAL)


def is_text(region: Region) -> bool:
    """UTF-8 to the end, and no control characters but tabs and line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in region.blocks():
            decoder.decode(block)
            if len(block.translate(None, _CONTROL)) != len(block):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def scan_text(region: Region, look: Look) -> Iterator[Finding]:
    """Text that nothing would run: no script, no YAML of Python objects, no JSON that names code."""
    if region.read(0, 2) == b"#!":
        yield finding("script", "begins as a script", Severity.CRITICAL)
    yield from _code_in(region)
    suffix = PurePosixPath(look.name.lower()).suffix
    if suffix in (".jinja", ".jinja2", ".j2"):
        yield from scan_template(region.read(0, MAX_TEMPLATE + 1).decode("utf-8", "replace"))
        return
    document = _json(region, is_named=suffix == ".json")
    if document is not None:
        yield from scan_json(document)


def is_json(region: Region) -> bool:
    """Begins as an object or a list does, and not as a template."""
    head = region.read(0, 256).removeprefix(codecs.BOM_UTF8).lstrip()[:2]
    return head[:1] in (b"{", b"[") and head not in (b"{{", b"{%", b"{#")


def scan_json(document: Parsed) -> Iterator[Finding]:
    """Keras's configurations, chat templates, and names of code to fetch and run."""
    if names_classes(document):
        yield from scan_config(document)
    for one in objects(document):
        if "auto_map" in one or "custom_pipelines" in one:
            yield finding("names-code", "auto_map: asks Transformers to run code of the repository", Severity.CRITICAL)
        if "_target_" in one:
            yield finding("names-code", f"_target_: asks Hydra to call {one['_target_']}", Severity.CRITICAL)
        template = one.get("chat_template")
        templates = template if isinstance(template, list) else [template]
        for each in templates:
            text = each.get("template") if isinstance(each, dict) else each
            if isinstance(text, str):
                yield from scan_template(text)


def _json(region: Region, *, is_named: bool) -> Parsed:
    if not is_json(region) and not is_named:
        return None
    if region.size > MAX_JSON:
        raise unreadable(f"JSON of {region.size} bytes; at most {MAX_JSON} are looked at", "too-large")
    try:
        return parse_json(region.exactly(0, region.size))
    except Refused as refused:
        if is_named or refused.finding.rule != "bad-json":
            raise
        return None  # text that begins with a bracket


def _code_in(region: Region) -> Iterator[Finding]:
    seen: set[str] = set()
    tail = b""
    for block in region.blocks():
        text = tail + block
        for rule, pattern in _CODE_IN_TEXT.items():
            match = None if rule in seen else pattern.search(text)
            if match is not None:
                seen.add(rule)
                yield finding(rule, f"holds {match[0].decode('utf-8', 'replace')!r}", Severity.CRITICAL)
        tail = text[-_OVERLAP:]


def is_parquet(region: Region) -> bool:
    return region.read(0, 4) == b"PAR1"


def scan_parquet(region: Region, _: Look) -> Iterator[Finding]:
    """Its footer fits, and asks Arrow for no type that is a pickle (CVE-2023-47248)."""
    if region.read(region.size - 4, 4) != b"PAR1" or region.size < 12:
        raise unreadable("cut short, or something behind the end", "truncated")
    size = int.from_bytes(region.exactly(region.size - 8, 4), "little")
    if size > min(MAX_JSON, region.size - 12):
        raise unreadable(f"a footer of {size} bytes", "bad-parquet")
    footer = region.exactly(region.size - 8 - size, size)
    parts = [footer, *(_decoded(match) for match in _BASE64.findall(footer))]
    if any(_ARROW_PICKLE in part for part in parts):
        yield finding("parquet-pickle", "a column of a type that is a pickle", Severity.CRITICAL)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""


def is_vocabulary(region: Region) -> bool:
    """SentencePiece's model: pieces of text with a score, and how they were made."""
    seen = set()
    try:
        for one in fields(region):
            seen.add(one.number)
            if one.number == 1 and not {part.number for part in fields(one.content)} <= {1, 2, 3}:
                return False
            if one.number > 5 or one.wire != 2 or one.content.size > BLOCK:
                return False
    except Refused:
        return False
    return {1, 2} <= seen


def scan_vocabulary(_: Region, __: Look) -> Iterator[Finding]:
    yield from ()
