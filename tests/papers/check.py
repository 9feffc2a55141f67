#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""check.py [TOP [KERNEL-NAMES]]: what documents and comments name exists.

KERNEL-NAMES is a file with a word a line, the kernel's own functions; without it a function that the tree lacks is taken
for one of the kernel's.
"""
import pathlib
import re
import sys

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
CALL = re.compile(r'\b([A-Za-z_]\w*)\(\)')
# A path of the tree in a comment or in a document's text; one with a placeholder in capitals or a * is none.
PATH = re.compile(r'(?<![\w/.$~-])((?:src|include|tests|scripts|doc|debian)/[\w.+/*-]*[\w*])(?![\w/*])')
PLACEHOLDER = re.compile(r'[A-Z]{3}|\*')
# Static functions that the compiler inlines, as the sources of 6.12 have them, and one of QEMU's.
ELSEWHERE = {'__arch_prepare_bpf_trampoline', 'flush_partition', 'is_cpu_allowed', 'qemu_plugin_reset'}
WORD = re.compile(r'\w+')
INVARIANT = re.compile(r'\b[Ii]nvariants? (\d+)(?:(?:,| and| to| or) (\d+))*')


class Tree:
    def __init__(self, top, kernel):
        self.top, self.kernel, self.complaints = top, kernel, []
        self.sources = sorted(p for d in ('src', 'include') for p in (top / d).rglob('*.[chS]'))
        self.papers = sorted([*top.glob('*.md'), *(top / 'doc').glob('*.md'), *(top / 'tests').rglob('README.md')])
        self.code = {p: COMMENT.sub(' ', p.read_text()) for p in self.sources}
        self.words = set(WORD.findall(' '.join(self.code.values())))

    def complain(self, path, text):
        self.complaints.append(f'{path.relative_to(self.top)}: {text}')

    def read(self, name):
        return (self.top / name).read_text()


def comments(text):
    return '\n'.join(m.group() for m in COMMENT.finditer(text))


def paths(tree):
    for path in tree.sources + tree.papers:
        text = path.read_text()
        for name in PATH.findall(text if path.suffix == '.md' else comments(text)):
            if not PLACEHOLDER.search(name) and not (tree.top / name).exists():
                tree.complain(path, f'there is no {name}')


def links(tree):
    for path in tree.papers:
        for target in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', path.read_text()):
            if not (path.parent / target).exists():
                tree.complain(path, f'links to {target}, which is not there')


def functions(tree):
    others = set(WORD.findall(' '.join(p.read_text(errors='replace') for p in (tree.top / 'tests').rglob('*.[ch]'))))
    for path in tree.sources + tree.papers:
        text = path.read_text()
        for name in sorted(set(CALL.findall(text if path.suffix == '.md' else comments(text)))):
            if name in tree.words or (not name.startswith('kht_') and name in others | ELSEWHERE | (tree.kernel or {name})):
                continue
            tree.complain(path, f'speaks of {name}(), which is nowhere')


def invariants(tree):
    table = tree.read('doc/design.md').split('## Invariants')[1].split('\n## ')[0]
    known = set(re.findall(r'^\*\*(\d+)\. ', table, re.M))
    for path in tree.sources + tree.papers:
        for match in INVARIANT.finditer(path.read_text()):
            for number in re.findall(r'\d+', match.group()):
                if number not in known:
                    tree.complain(path, f'speaks of invariant {number}; doc/design.md has {len(known)}')


def cells(text, heading):
    """The first cells of the tables below a heading, without backquotes."""
    part = text.split(f'\n## {heading}\n')[1].split('\n## ')[0]
    return set(re.findall(r'^\| `(\w+)`', part, re.M))


def tables(tree):
    stats = set(re.findall(r'"(tlb_\w+)"', tree.read('src/module/stats.c')))
    events = set(re.findall(r'TRACE_EVENT\((\w+)', tree.read('include/kht_trace.h')))
    parameters = set(re.findall(r'module_param_cb\((\w+)', tree.read('src/module/params.c')))
    for name, heading, known in (('doc/monitoring.md', 'Counters', stats), ('doc/monitoring.md', 'Tracepoints', events),
                                 ('doc/quickstart.md', 'Tune', parameters)):
        for word in sorted(known ^ cells(tree.read(name), heading)):
            tree.complain(tree.top / name, f'{heading}: {word} is only {"in the sources" if word in known else "here"}')


def man_page(tree):
    """Each counter and tracepoint, and the words of each message."""
    path = tree.top / 'debian/kvm-hv-tlb.4'
    page = path.read_text()
    for word in sorted(set(re.findall(r'"(tlb_\w+)"', tree.read('src/module/stats.c')))):
        if f'.B {word}\n' not in page:
            tree.complain(path, f'lacks the counter {word}')
    for word in sorted(set(re.findall(r'TRACE_EVENT\((\w+)', tree.read('include/kht_trace.h')))):
        if f'.B kvm_hv_tlb:{word}\n' not in page:
            tree.complain(path, f'lacks the tracepoint {word}')
    said = re.sub(r'[" ]+', ' ', page)
    for source in tree.sources:
        for text in re.findall(r'\bpr_(?:err|warn|info)\("([^"]*)\\n"', tree.code[source]):
            # Each feature's name stands for itself there.
            for part in (p.strip() for p in re.split(r'%\w+|^[a-z ]+(?=: off,)', text)):
                if len(part) > 8 and re.sub(r' +', ' ', part) not in said:
                    tree.complain(path, f'lacks the message "{text}" of {source.name}')


def defaults(tree):
    described = dict(re.findall(r'MODULE_PARM_DESC\((\w+),.*?\(default (\d+)\)"\)', tree.read('src/module/params.c'), re.S))
    for name, value in re.findall(r'^\| `(\w+)` \| (\d+) \|', tree.read('doc/quickstart.md'), re.M):
        if described.get(name) != value:
            tree.complain(tree.top / 'doc/quickstart.md', f'{name} is {value}, the module says {described.get(name)}')


def rooms(tree):
    """Each file of src/guest that an event comes to stands in the design's table; `status` has a line for each feature."""
    design, start = 'doc/design.md', 'doc/quickstart.md'
    named = set(re.findall(r'`(\w+\.c)` \|$', tree.read(design), re.M))
    there = {p.name for p in (tree.top / 'src/guest').glob('*.c')}
    for name in sorted(named ^ (there - {'env.c', 'audit.c', 'range.c'})):
        tree.complain(tree.top / design, f'{name} is only in {"src/guest" if name in there else "the table of rooms"}')
    shown = re.findall(r'^    (\w+): (?:on|off)', tree.read(start), re.M)
    features = re.findall(r'\.name = "(\w+)"', tree.read('src/module/features.c'))
    if shown != ['attached', *features]:
        tree.complain(tree.top / start, f'shows the features {" ".join(shown)}, the module {" ".join(features)}')


def readme(tree):
    lines = tree.read('README.md').split('\n')
    if len(lines) - 1 > 120:
        tree.complain(tree.top / 'README.md', f'has {len(lines) - 1} lines, more than 120')
    measured = tree.read('doc/measurements.md').split('\n')
    rows = [line for line in lines if re.match(r'^[a-z-]+, [a-z]+ +\d+ .*x$', line)]
    if len(rows) < 5:
        tree.complain(tree.top / 'README.md', f'has {len(rows)} rows of figures, fewer than 5')
    for row in rows:
        if row not in measured:
            tree.complain(tree.top / 'README.md', f'"{row}" is not in doc/measurements.md')


def widths(tree):
    for path in tree.papers:
        if path.parent.parent.name == 'tests':
            continue
        for number, line in enumerate(path.read_text().split('\n'), 1):
            if len(line) > 80 and not line.startswith('    '):
                tree.complain(path, f'line {number} has {len(line)} columns, more than 80')


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    kernel = set(pathlib.Path(sys.argv[2]).read_text().split()) if len(sys.argv) > 2 else None
    failed = False
    for check, name in ((paths, 'paths-exist'), (links, 'links-lead-somewhere'), (functions, 'functions-exist'),
                        (invariants, 'invariants-exist'), (tables, 'counters-tracepoints-and-parameters-are-all-there'),
                        (man_page, 'the-man-page-has-counters-tracepoints-and-messages'),
                        (defaults, 'defaults-are-the-module-s'), (rooms, 'rooms-and-features-are-all-there'), (readme, 'README-is-short-and-its-figures-are-measured'),
                        (widths, 'lines-fit-80-columns')):
        tree = Tree(top, kernel)
        check(tree)
        for complaint in tree.complaints:
            print(complaint)
        print(f'KHT-FAIL papers-{name}: {len(tree.complaints)}, the first: {tree.complaints[0]}' if tree.complaints
              else f'KHT-PASS papers-{name}')
        failed = failed or bool(tree.complaints)
    sys.exit(failed)


if __name__ == '__main__':
    main()
