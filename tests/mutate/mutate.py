#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutate.py [--sample N --seed S] [--jobs J] [--only FILE] OUT

Changes src/core, one place at a time, and watches who complains: the unit tests, then the simulator, then CBMC. A
change that nobody notices has survived; it needs a test, or a line in tests/mutate/explained, which says why it changes
nothing that matters. Prints a KHT-FAIL line for each other survivor, and for each explanation that explains nothing any more.
"""
import argparse
import concurrent.futures
import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
EXPLAINED = TOP / 'tests/mutate/explained'
FILES = ['src/core/ledger.c', 'src/core/protocol.c', 'src/core/hash.c', 'src/core/move.c', 'src/core/range.c']
UNIT = ['ledger_test', 'protocol_test', 'hash_test', 'move_test', 'range_test']
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
CFLAGS = ['-std=gnu11', '-O1', '-w', f'-I{TOP}/include', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
SIM_FLAGS = ['-std=gnu11', '-O2', '-w', f'-I{TOP}/include', f'-I{TOP}/tests/sim', '-DKHT_ACCESS_HEADER="sim_access.h"',
             '-DKHT_MUTANT=kht_mutant_now']
SCENARIOS = range(1, 12)

# (what, what in its place)
SWAPS = [(r' < ', ' <= '), (r' <= ', ' < '), (r' > ', ' >= '), (r' >= ', ' > '), (r' == ', ' != '), (r' != ', ' == '),
         (r' < ', ' >= '), (r' > ', ' <= '), (r' <= ', ' > '), (r' >= ', ' < '),
         (r' && ', ' || '), (r' \|\| ', ' && '), (r' \+ ', ' - '), (r' - ', ' + '), (r' / ', ' * '), (r' % ', ' / '),
         (r'\+\+', '--'), (r' \+= ', ' -= '), (r'\btrue\b', 'false'), (r'\bfalse\b', 'true'), (r'(?<=[( ,=])!(?=\w)', ''),
         (r'(?<![\w.])0(?![\w.])', '1'), (r'(?<![\w.])1(?![\w.])', '0'), (r'(?<![\w.])1(?![\w.])', '2'),
         (r'\bKHT_SYNC\b', 'KHT_NOTHING'), (r'\bKHT_REPLAY\b', 'KHT_SYNC'), (r'\bKHT_FLUSH\b', 'KHT_SYNC'),
         (r'\bfirst\b', 'last'), (r'\bcore\.step\b', '1'), (r'\bgen\b', 'covered'), (r'\bstaged\b', 'covered'),
         (r'\bcredit_from\b', 'credit_to'), (r'\bcredit_to\b', 'credit_from'), (r'\bleft_seen\b', 'seen'),
         (r'\bif \((.*)\)$', r'if (!(\1))'), (r'\bif \((.*)\)$', r'if (0 && (\1))'), (r'\breturn (.+);', r'return !(\1);')]
STATEMENT = re.compile(r'^\t+(?:\w[\w.>\[\]-]* (?:[-+|&]?=) .*|\w[\w.>\[\]-]*(?:\+\+|--)|\w+\(.*\)|continue|break);$')


def changes(name):
    """(line number, line, changed line) of a file."""
    text = (TOP / name).read_text()
    code = COMMENT.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), text).split('\n')
    for number, line in enumerate(code):
        if not line.startswith('\t') or 'kht_mutant' in line or line.lstrip().startswith('#'):
            continue
        line, seen = line.rstrip(), set()
        if STATEMENT.match(line):
            seen.add(re.match(r'\t+', line).group() + ';')
        for pattern, left in SWAPS:
            for match in re.finditer(pattern, line):
                seen.add(line[:match.start()] + match.expand(left) + line[match.end():])
        for changed in sorted(seen - {line}):
            yield number, line, changed


def run(command, limit, **options):
    """True if it ends well in time."""
    try:
        return subprocess.run(command, timeout=limit, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                              **options).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Bench:
    """What is compiled once: all but the file that changes."""

    def __init__(self, out):
        self.out = out
        for kind, flags, sources in (
                ('unit', CFLAGS, [*FILES, 'tests/unit/unit.c', *(f'tests/unit/{u}.c' for u in UNIT)]),
                ('sim', SIM_FLAGS, [*FILES[:-1], *(f'tests/sim/{s}.c' for s in ('sim', 'machine', 'tlb', 'guest', 'stock', 'hash'))])):
            for source in sources:
                subprocess.run(['gcc', *flags, '-c', '-o', self.object(kind, source), str(TOP / source)], check=True)

    def object(self, kind, source):
        folder = self.out / kind
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / (source.replace('/', '-')[:-2] + '.o'))

    def judge(self, name, number, changed):
        """Who notices: a word, '' for nobody, None if it does not compile."""
        lines = (TOP / name).read_text().split('\n')
        lines[number] = changed
        text = '\n'.join(lines)
        work = self.out / hashlib.sha1(f'{name}{number}{changed}'.encode()).hexdigest()[:12]
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        source = work / pathlib.Path(name).name
        source.write_text(text)
        try:
            return self.watch(name, source, work)
        finally:
            shutil.rmtree(work)

    def watch(self, name, source, work):
        if not run(['gcc', *CFLAGS, '-c', '-o', f'{work}/unit.o', str(source)], 60):
            return None
        others = [self.object('unit', f) for f in FILES if f != name]
        for test in UNIT:
            program = f'{work}/{test}'
            subprocess.run(['gcc', *CFLAGS, '-o', program, self.object('unit', f'tests/unit/{test}.c'),
                            self.object('unit', 'tests/unit/unit.c'), f'{work}/unit.o', *others, '-lcmocka'], check=True)
            if not run([program], 20):
                return f'unit ({test})'
        if name != FILES[-1]:
            run(['gcc', *SIM_FLAGS, '-c', '-o', f'{work}/sim.o', str(source)], 60)
            objects = [self.object('sim', f) for f in FILES[:-1] if f != name]
            objects += [self.object('sim', f'tests/sim/{s}.c') for s in ('sim', 'machine', 'tlb', 'guest', 'stock', 'hash')]
            subprocess.run(['gcc', '-o', f'{work}/sim', f'{work}/sim.o', *objects], check=True)
            if not run([f'{work}/sim', '--seeds', '120'], 300):
                return 'simulator'
        if name != FILES[-1] and not self.cbmc(name, source):
            return 'CBMC'
        return ''

    def cbmc(self, name, source):
        """True if every scenario is verified with the changed file, or CBMC is not there."""
        if not shutil.which('cbmc'):
            return True
        core = [str(source) if f == name else str(TOP / f) for f in FILES[:-1]]
        options = ['--unwind', '5', '--unwinding-assertions', '--object-bits', '12', '--slice-formula', '--stop-on-fail',
                   '--bounds-check', '--pointer-check', '--unsigned-overflow-check']
        runs = [[f'-DSCENARIO={n}'] for n in SCENARIOS] + [['-DSCENARIO=11', '-DSTEP=2u'], ['-DSCENARIO=6', '-DHASH=1']]
        return all(run(['cbmc', f'-I{TOP}/include', str(TOP / 'tests/model/cbmc/ledger.c'), *core, *one, *options], 300)
                   for one in runs)


def explanations():
    """{(file, line, changed line)}: three lines and a reason each, apart by an empty line."""
    found = {}
    for block in EXPLAINED.read_text().split('\n\n'):
        lines = [line for line in block.split('\n') if line and not line.startswith('#')]
        if lines:
            found[tuple(lines[:3])] = ' '.join(lines[3:])
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sample', type=int)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--only')
    parser.add_argument('out', type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    mutants = [(name, *change) for name in FILES if args.only in (None, name) for change in changes(name)]
    if args.sample:
        mutants = random.Random(args.seed).sample(mutants, args.sample)
    bench, known, used, by, survivors = Bench(args.out), explanations(), set(), {}, []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for (name, number, line, changed), who in zip(mutants, pool.map(lambda m: bench.judge(m[0], m[1], m[3]), mutants)):
            key = (name, line.strip(), changed.strip())
            if who == '' and key in known:
                used.add(key)
                who = 'explained'
            by[who or str(who)] = by.get(who or str(who), 0) + 1
            if who == '':
                survivors.append((name, number + 1, line.strip(), changed.strip()))
                print(f'KHT-FAIL mutate {name}:{number + 1}: "{changed.strip()}" in the place of "{line.strip()}" goes unnoticed',
                      flush=True)
    dead = by.pop('None', 0)
    total = sum(by.values())
    print(f'{total} changes that compile ({dead} do not): ' + ', '.join(f'{who or "nobody"} {n}' for who, n in sorted(by.items())))
    if not args.sample and not args.only:
        for key in known.keys() - used:
            print(f'KHT-FAIL mutate-explained: "{key[2]}" in the place of "{key[1]}" ({key[0]}) is noticed, or is no change any more')
            survivors.append(key)
    if not survivors:
        print(f'KHT-PASS mutate: {total} changes, each is noticed or explained')
    sys.exit(bool(survivors))


if __name__ == '__main__':
    main()
