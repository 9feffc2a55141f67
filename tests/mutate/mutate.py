#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutate.py [--sample N] [--seed S] [--jobs J] [--only FILE] OUT

Changes the decisions and the instructions (FILES), one place at a time, and watches who complains: tests/power, the
unit tests, the simulator, then CBMC. Not the barriers, each of which tests/barriers leaves out.

A change that nobody notices has survived: it needs a test, or an entry in `explained`, which says why it does no harm.
Each other survivor is a KHT-FAIL line with its file and line, and so is an entry that explains nothing any more. A
sample asks no CBMC: what CBMC alone notices is an entry too, which says so.

Most changes are woven into one build, in which KHT_CHANGED=n chooses one of them. Those that cannot be, and what
has survived there, are built one by one.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
EXPLAINED = pathlib.Path(__file__).with_name('explained')
CORE = ['src/core/ledger.c', 'src/core/protocol.c', 'src/core/reach.c', 'src/core/move.c', 'src/core/range.c', 'src/core/verdict.c']
HEADERS = ['src/core/ledger.h', 'src/core/move.h']
POWER = ['src/power/flush.c']
FILES = CORE + HEADERS + POWER
NEEDED = ['src', 'include', 'tests/unit', 'tests/power', 'tests/sim', 'tests/model']
TESTS = ['ledger_test', 'protocol_test', 'hash_test', 'move_test', 'range_test', 'verdict_test']
SEEDS = '60'
UNIT = ['plain', 'unit']
BY_CBMC = 'CBMC alone notices'
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)

# (a pattern, its replacement)
SWAPS = [(re.compile(pattern), left) for pattern, left in (
    (r' < ', ' <= '), (r' <= ', ' < '), (r' > ', ' >= '), (r' >= ', ' > '), (r' == ', ' != '), (r' != ', ' == '),
    (r' < ', ' >= '), (r' > ', ' <= '), (r' && ', ' || '), (r' \|\| ', ' && '), (r' \| ', ' & '), (r' & ', ' | '),
    (r' \+ ', ' - '), (r' - ', ' + '), (r' / ', ' * '), (r' % ', ' / '), (r' << ', ' >> '), (r' >> ', ' << '),
    (r'\+\+', '--'), (r' \+= ', ' -= '), (r'\btrue\b', 'false'), (r'\bfalse\b', 'true'), (r'(?<=[( ,=])!(?=\w)', ''),
    (r'(?<![\w.])0(?![\w.])', '1'), (r'(?<![\w.])1(?![\w.])', '0'), (r'(?<![\w.])([2-9]|[1-9]\d+)(?![\w.])', r'(\1 - 1)'),
    (r'\bKHT_SYNC\b', 'KHT_NOTHING'), (r'\bKHT_REPLAY\b', 'KHT_SYNC'), (r'\bKHT_FLUSH\b', 'KHT_SYNC'),
    (r'\bcore\.first\b', 'core.last'), (r'\bcore\.step\b', '1'), (r'\bgen\b', 'covered'), (r'\bstaged\b', 'covered'),
    (r'\bcredit_from\b', 'credit_to'), (r'\bcredit_to\b', 'credit_from'), (r'\bleft_seen\b', 'seen'),
    (r'\bIS_LPID\b', 'IS_ALL'), (r'\bIS_ALL\b', 'IS_LPID'), (r'\bRIC_ALL\b', 'RIC_TLB'), (r'\bR_HASH\b', 'R_RADIX'),
    (r'\bR_RADIX\b', 'R_HASH'), (r'\bif \((.*)\)$', r'if (!(\1))'), (r'\bif \((.*)\)$', r'if (0 && (\1))'),
    (r'\breturn (.+);', r'return !(\1);'),
    # Two arguments change places.
    (r'\b(kht_\w+)\((\w+), (\w+)(?=[,)])', r'\1(\3, \2'))]
STATEMENT = re.compile(r'^(\t+)(?:[\w.>\[\]*-]+ [-+|&^]?= .*|[\w.>\[\]-]+(?:\+\+|--)|\w+\(.*\)|continue|break|return \w+\(.*\));$')

Mutant = collections.namedtuple('Mutant', 'file number length line changed')


def logical_lines(name):
    """(number, how many lines, text) of each statement or condition inside a function, without its comments."""
    text = COMMENT.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), (TOP / name).read_text())
    number, inside, lines = 0, False, [line.rstrip() for line in text.split('\n')]
    while number < len(lines):
        line, length = lines[number], 1
        inside = line == '{' or (inside and line != '}')
        while inside and (line.count('(') > line.count(')') or re.search(r'(?:[-+|&=?,]|return)$', line)):
            line, length = line + ' ' + lines[number + length].lstrip(), length + 1
        if inside and line.startswith('\t'):
            yield number, length, line
        number += length


def mutants_of(name):
    """Every change of a file, in its order."""
    before = ''
    for number, length, line in logical_lines(name):
        # What a negative control does is judged by the test that has to be red with it.
        skipped, before = '_fence()' in line or 'kht_mutant' in line + before, line
        if skipped:
            continue
        changes = {}
        deleted = STATEMENT.match(line)
        if deleted:
            changes[deleted.group(1) + ';'] = True
        for pattern, left in SWAPS:
            for match in pattern.finditer(line):
                changes[line[:match.start()] + match.expand(left) + line[match.end():]] = True
        changes.pop(line, None)
        for changed in changes:
            yield Mutant(name, number, length, line, changed)


def key_of(mutant):
    return mutant.file, mutant.line.strip(), mutant.changed.strip()


def is_green(program, **options):
    """It ends well and in time. The simulator has met no hazard; with so few seeds it need not have been on every path."""
    simulates = program.endswith('/sim')
    try:
        done = subprocess.run([program, *(['--seeds', SEEDS] if simulates else [])], timeout=600 if simulates else 30, capture_output=True,
                              text=True, check=False, **options)
    except subprocess.TimeoutExpired:
        return False
    return 'KHT-PASS inv1-to-inv8-simulator-meets-no-hazard' in done.stdout if simulates else done.returncode == 0


class Tree:
    """A copy of what is judged, and what is built of it."""

    def __init__(self, folder):
        self.top, self.out = folder / 'tree', folder / 'out'
        shutil.rmtree(folder, ignore_errors=True)
        for name in NEEDED:
            shutil.copytree(TOP / name, self.top / name, symlinks=True)

    def build(self, suite, *names):
        """Tests of the tree as it is; plain: unit tests without ASan, which most changes do not need to be seen."""
        folder, options = ('unit', ['ASAN=']) if suite == 'plain' else (suite, [])
        subprocess.run(['make', '-s', '-j2', '-C', f'{self.top}/tests/{folder}', f'O={self.out}/{suite}', 'CC=gcc -w', *options,
                        *(f'{self.out}/{suite}/{name}' for name in names)], check=True, capture_output=True, text=True)

    def is_green(self, suite, test, **options):
        return is_green(f'{self.out}/{suite}/{test}', **options)

    def notices(self, name, runs):
        """Which test is red with a change of the file, or ''. @runs says if a test is green."""
        if name in POWER:
            return '' if runs('power', 'flush_test') else 'power'
        own = pathlib.Path(name).stem.replace('reach', 'hash') + '_test'
        tests = sorted(TESTS, key=lambda test: test != own)
        for suite, test in [(suite, test) for suite in UNIT for test in tests]:
            if not runs(suite, test):
                return f'unit ({test})'
        if name.endswith('range.c'):
            return ''
        return '' if runs('sim', 'sim') else 'simulator'


class Woven(Tree):
    """All changes in one build."""

    CONDITION = re.compile(r'^(\t+(?:\} )?(?:else )?(?:if|while) \()(.*)(\)(?: \{)?)$')
    LOOP = re.compile(r'^(\t+for \()([^;]*)(; )([^;]*)(; )([^;]*)(\)(?: \{)?)$')
    DECLARED = re.compile(r'^(\t+(?:const )?(?:\w+ )+\*?\w+ = )([^{]*)(;)$')
    # Not what declares something, or is part of a list.
    STATEMENT = re.compile(r'^\t+(?:(?:return|continue|break)\b|\w+\(|[\w*][\w.>\[\]()+%*-]* [-+|&^]?= |[\w.>\[\]-]+(?:\+\+|--);)')
    CHOICE = '''
extern char *getenv(const char *);
extern int atoi(const char *);
__attribute__((weak)) int kht_changed;
static void __attribute__((constructor, unused)) kht_choose(void)
{
	kht_changed = getenv("KHT_CHANGED") ? atoi(getenv("KHT_CHANGED")) : 0;
}
'''

    def __init__(self, folder, mutants):
        super().__init__(folder)
        self.alone = set()
        base = self.top / 'src/core/base.h'
        base.write_text(base.read_text().replace('#define KHT_BASE_H\n', '#define KHT_BASE_H\n' + self.CHOICE))
        self.at = collections.defaultdict(list)
        for number, mutant in enumerate(mutants):
            self.at[mutant.file, mutant.number].append((number + 1, mutant))
        for name in HEADERS + CORE + POWER:
            self.weave_file(name)
        self.build('power', 'flush_test')
        self.build('sim', 'sim')
        for suite in UNIT:
            self.build(suite, *TESTS)

    def weave_file(self, name):
        """What does not compile as a part of it is built alone."""
        while True:
            owners = self.write(name)
            wrong = {owners[line - 1] for line in self.errors(name)}
            if not wrong:
                return
            if wrong == {None}:
                sys.exit(f'mutate: {name} does not compile when it is woven')
            self.alone |= wrong - {None}

    def write(self, name):
        """Returns whose each line is; None: everybody's."""
        lines, woven, number = (TOP / name).read_text().split('\n'), [], 0
        while number < len(lines):
            variants = [(n, mutant) for n, mutant in self.at.get((name, number), []) if n not in self.alone]
            pieces = None
            if variants:
                pieces = self.weave(variants[0][1].line, [(n, mutant.changed) for n, mutant in variants])
                if pieces is None:
                    self.alone.update(n for n, _ in variants)
            woven += pieces or [(None, lines[number])]
            number += variants[0][1].length if pieces else 1
        (self.top / name).write_text('\n'.join(text for _, text in woven))
        return [owner for owner, _ in woven]

    def errors(self, name):
        """Numbers of the lines that do not compile."""
        user = name.replace('.h', '.c')
        stubs = ['-Itests/power/stubs'] if name in POWER else []
        done = subprocess.run(['gcc', '-w', '-std=gnu11', '-fsyntax-only', *stubs, '-Isrc', '-x', 'c', '-'], cwd=self.top,
                              input=(self.top / user).read_text(), capture_output=True, text=True, check=False)
        place = name if user != name else '<stdin>'
        return [int(line) for line in re.findall(rf'^{re.escape(place)}:(\d+):\d+: error', done.stderr, re.M)]

    @staticmethod
    def chosen(parts, part):
        """An expression that is one of @parts, [(number, text)], or @part, in pieces [(number or None, text)]."""
        parts = [(n, text) for n, text in parts if text != part]
        return [(n, f'kht_changed == {n} ? ({text}) :') for n, text in parts] + [(None, f'({part})' if parts else part)]

    def weave(self, line, variants):
        """Lines that are together @line or one of its variants, [(number or None, text)]; None: it cannot be done."""
        for form in (self.CONDITION, self.LOOP, self.DECLARED):
            whole, parts = form.match(line), [(n, form.match(changed)) for n, changed in variants]
            if whole and all(p for _, p in parts):
                # What is to choose from is every other group, what is around it is the same.
                return [piece for i in range(1, form.groups + 1) for piece in
                        (self.chosen([(n, p.group(i)) for n, p in parts], whole.group(i)) if i % 2 == 0 else [(None, whole.group(i))])]
        if not line.endswith(';') or not self.STATEMENT.match(line):
            return None
        return [(n, f'if (kht_changed == {n}) {{ {changed.strip()} }} else') for n, changed in variants] + [(None, f'{{ {line.strip()} }}')]

    def judge(self, number, mutant):
        env = dict(os.environ, KHT_CHANGED=str(number))
        return self.notices(mutant.file, lambda suite, test: self.is_green(suite, test, env=env))


class Alone(Tree):
    """One change at a time."""

    def __init__(self, folder):
        super().__init__(folder)
        self.objects = {name: self.object_of(name) for name in CORE + POWER}
        if None in self.objects.values():
            sys.exit('mutate: the sources do not compile')

    def object_of(self, name):
        """Optimised code, None if it does not compile. Where it is as before, the change changes nothing."""
        stubs = ['-Itests/power/stubs'] if name in POWER else []
        done = subprocess.run(['gcc', '-std=gnu11', '-O2', '-w', *stubs, '-Isrc', '-S', '-o', '-', '-x', 'c', '-'], cwd=self.top,
                              input=(self.top / name).read_bytes(), capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def judge(self, mutant, woven, whole):
        """Who notices: a word, '' for nobody, None if there is nothing to notice."""
        source = self.top / mutant.file
        before = source.read_text()
        lines = before.split('\n')
        lines[mutant.number:mutant.number + mutant.length] = [mutant.changed] + [''] * (mutant.length - 1)
        affected = CORE if mutant.file in HEADERS else [mutant.file]
        try:
            source.write_text('\n'.join(lines))
            objects = [self.object_of(name) for name in affected]
            if None in objects or objects == [self.objects[name] for name in affected]:
                return None
            who = '' if woven else self.notices(mutant.file, self.green)
            if not who and mutant.file not in POWER:
                who = '' if self.green('unit', 'lock_test') else 'unit (lock_test)'
            return who or (self.cbmc(mutant.file) if whole else '')
        finally:
            source.write_text(before)

    def green(self, suite, test):
        self.build(suite, test)
        return self.is_green(suite, test)

    def cbmc(self, name):
        """The quick harnesses, until one of them says something else than before."""
        if name in POWER or name.endswith('range.c'):
            return ''
        out = self.out / 'cbmc'
        lines = out / 'lines'
        lines.unlink(missing_ok=True)
        with subprocess.Popen([f'{self.top}/tests/model/cbmc/check', str(out), 'quick'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env={'PATH': '/usr/bin:/bin', 'JOBS': '1'},
                              start_new_session=True) as check:
            try:
                while check.poll() is None:
                    time.sleep(1)
                    if lines.exists() and 'KHT-FAIL' in lines.read_text():
                        return 'CBMC'
                return 'CBMC' if check.returncode else ''
            finally:
                subprocess.run(['kill', '--', f'-{check.pid}'], stderr=subprocess.DEVNULL, check=False)


def explanations():
    """{(file, line, changed line): reason}: three lines and a reason each, apart by an empty line."""
    found = {}
    for block in EXPLAINED.read_text().split('\n\n'):
        lines = [line for line in block.split('\n') if line and not line.startswith('#')]
        if lines:
            found[tuple(lines[:3])] = ' '.join(lines[3:])
    return found


class Run:
    def __init__(self, args, mutants):
        self.args, self.mutants, self.known = args, mutants, explanations()
        self.lock, self.of_thread, self.workers = threading.Lock(), threading.local(), 0
        self.by, self.used, self.failed, self.done = collections.Counter(), set(), 0, 0
        self.woven = Woven(args.out / 'woven', mutants)
        for name in FILES:
            who = self.woven.judge(0, Mutant(name, 0, 0, '', ''))
            if who:
                sys.exit(f'mutate: {who} is red without a change')

    def alone(self):
        """Each worker has its own."""
        if not hasattr(self.of_thread, 'tree'):
            with self.lock:
                self.workers += 1
                folder = self.args.out / f'worker-{self.workers}'
            self.of_thread.tree = Alone(folder)
        return self.of_thread.tree

    def judge(self, number):
        mutant = self.mutants[number - 1]
        woven = number not in self.woven.alone
        who = self.woven.judge(number, mutant) if woven else ''
        if who:
            return who
        why = self.known.get(key_of(mutant))
        whole = not self.args.sample and (why is None or why.startswith(BY_CBMC))
        return self.alone().judge(mutant, woven, whole)

    def fail(self, line):
        self.failed += 1
        print('KHT-FAIL ' + line, flush=True)

    def note(self, mutant, who):
        self.done += 1
        if self.done % 50 == 0:
            print(f'{self.done} of {len(self.mutants)}', file=sys.stderr, flush=True)
        if who is None:
            self.by['no change'] += 1
            return
        key = key_of(mutant)
        why = self.known.get(key)
        if why and (who == '' or (who == 'CBMC' and why.startswith(BY_CBMC))):
            self.used.add(key)
            who = who or ('CBMC' if why.startswith(BY_CBMC) and self.args.sample else 'explained')
        self.by[who or 'nobody'] += 1
        if who == '':
            self.fail(f'mutate {mutant.file}:{mutant.number + 1}: "{key[2]}" in the place of "{key[1]}" goes unnoticed')

    def all(self):
        numbers = range(1, len(self.mutants) + 1)
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            for mutant, who in zip(self.mutants, pool.map(self.judge, numbers)):
                self.note(mutant, who)
        return self.end()

    def end(self):
        same, survived = self.by.pop('no change', 0), self.by['nobody'] + self.by['explained']
        total = sum(self.by.values())
        print(f'{total} changes ({same} more do not compile, or compile to the same): ' +
              ', '.join(f'{who} {n}' for who, n in sorted(self.by.items()) if n), flush=True)
        if not self.args.sample and not self.args.only:
            for key in self.known.keys() - self.used:
                self.fail(f'mutate-explained: "{key[2]}" in the place of "{key[1]}" ({key[0]}) is noticed, or is no change any more')
        if total and not self.failed:
            print(f'KHT-PASS mutate: {total} changes, {100 * (total - survived) / total:.1f} % noticed, {survived} explained')
        return self.failed or not total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sample', type=int)
    parser.add_argument('--seed')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--only')
    parser.add_argument('out', type=pathlib.Path)
    args = parser.parse_args()
    mutants = [mutant for name in FILES if args.only in (None, name) for mutant in mutants_of(name)]
    if args.sample:
        # Another one with each change of the sources.
        seed = args.seed or hashlib.sha1(b''.join((TOP / name).read_bytes() for name in FILES)).hexdigest()[:8]
        print(f'seed {seed}')
        mutants = random.Random(seed).sample(mutants, min(args.sample, len(mutants)))
    sys.exit(bool(Run(args, mutants).all()))


if __name__ == '__main__':
    main()
