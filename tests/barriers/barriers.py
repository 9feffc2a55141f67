#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""barriers.py list FARM      what orders memory in each function of the objects in FARM, in order
barriers.py check FARM     is it what tests/barriers/expected has?
barriers.py control FARM   each barrier of the sources, left out or weakened, makes a difference there

FARM is a folder that scripts/bench/build-module has built the replacement flavour in, for RELEASE. OBJDUMP and RUN are commands: the
disassembler, and what runs the compiler.
"""
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
TOP = HERE.parents[1].resolve()
EXPECTED = HERE / 'expected'
FUNCTION = re.compile(r'^[0-9a-f]+ <([^>]+)>:$')
ORDER = re.compile(r'\t(hwsync|sync|lwsync|ptesync|isync|eieio|tlbsync)\b')
# Calls that wait for other CPUs.
WAIT = re.compile(r'R_PPC64_REL24(?:_NOTOC)?\s+(\w*(?:synchronize|on_each_cpu|call_function|call_rcu)\w*)')

# How a barrier may be lost: (what it is, what is left of it).
LOSSES = [
    (r'\bkht_full_fence\(\)', '(void)0'), (r'\bkht_full_fence\(\)', 'kht_load_fence()'),
    (r'\bkht_load_fence\(\)', '(void)0'),
    (r'\bkht_pte_fence\(\)', '(void)0'), (r'\bkht_pte_fence\(\)', 'kht_full_fence()'),
    (r'\bkht_ptesync\(\)', '(void)0'), (r'\bkht_tlbsync\(\)', 'kht_ptesync()'),
    (r'\bkht_store_release\(', 'kht_store('), (r'\bkht_load_acquire\(', 'kht_load('),
    (r'\bsmp_store_release\(', 'WRITE_ONCE(*'), (r'\bsmp_load_acquire\(', 'READ_ONCE(*'),
    (r'\bsmp_[rw]?mb(?:__\w+)?\(\)', 'barrier()'), (r'\bsmp_store_mb\(', 'WRITE_ONCE('),
    (r'\brcu_assign_pointer\(', 'RCU_INIT_POINTER('),
    (r'\b(try_cmpxchg|cmpxchg|xchg)\(', r'\1_relaxed('),
    (r'\b(?:synchronize_\w+|tracepoint_synchronize_unregister)\(\)', '(void)0'),
    (r'\b(?:on_each_cpu\w*|smp_call_function\w*|call_rcu)\(', '(void)('),
    (r'"(?:ptesync|hwsync|lwsync)"', '""'),
]


def site_finder():
    """barriers() of tests/model/check-barriers, which knows where they are."""
    loader = importlib.machinery.SourceFileLoader('check_barriers', str(TOP / 'tests/model/check-barriers'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('check_barriers', loader))
    loader.exec_module(module)
    return module.barriers


def sources_of(farm):
    return sorted([*(farm / 'src').rglob('*.c'), *(farm / 'kvm-hv').glob('*.c')])


def objects(farm):
    return [o for o in (source.with_suffix('.o') for source in sources_of(farm)) if o.exists()]


def objdump(path, *options):
    return subprocess.run([*shlex.split(os.environ['OBJDUMP']), *options, str(path)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split('\n')


def module_s_own(path):
    """What a kernel's object calls the module's variables: an entry of its table of contents, or the name."""
    entries = [line.split() for line in objdump(path, '-r', '-j', '.toc')]
    offsets = [int(e[0], 16) for e in entries if len(e) == 3 and e[2].startswith('kht_')]
    names = '|'.join([r'kht_\w+'] + [rf'\.toc\+0x0*{offset:x}' for offset in offsets])
    return re.compile(rf'R_PPC64_\w+\s+(?:{names})$')


def order_of(path):
    """{function: 'ptesync lwsync ...'} of an object; of the kernel's own those that use what is the module's."""
    own = module_s_own(path) if path.parent.name == 'kvm-hv' else re.compile('')
    found, name, ours = {}, None, set()
    for line in objdump(path, '-dr'):
        function = FUNCTION.match(line)
        if function:
            # What the compiler has split off belongs to its function.
            name = function.group(1).split('.')[0]
        if own.search(line):
            ours.add(name)
        for match in (*ORDER.finditer(line), *WAIT.finditer(line)):
            found.setdefault(name, []).append(match.group(1).replace('hwsync', 'sync'))
    return {name: ' '.join(words) for name, words in found.items() if name in ours}


def listing(farm):
    lines = []
    for path in objects(farm):
        name = path.relative_to(farm)
        lines += [f'{name} {function}: {order}' for function, order in sorted(order_of(path).items())]
    return lines


def check(farm):
    """The kernel's own functions, with ours in them, are compared if it is the very kernel that `expected` was written with."""
    release, *want = EXPECTED.read_text().split('\n')[:-1]
    have = listing(farm)
    if release != f'# {os.environ["RELEASE"]}':
        want, have = ([line for line in lines if not line.startswith('kvm-hv/')] for lines in (want, have))
    for line in want:
        if line not in have:
            print(f'KHT-FAIL barriers-of-the-object: expected "{line}"')
    for line in have:
        if line not in want:
            print(f'KHT-FAIL barriers-of-the-object: built "{line}"')
    if want == have and len(have) > 20:
        print(f'KHT-PASS barriers-of-the-objects: {sum(len(line.split()) - 2 for line in have)} in {len(have)} functions')
    return want == have and len(have) > 20


def command_of(farm, source):
    text = (source.parent / f'.{source.stem}.o.cmd').read_text().split('\n')[0]
    return text.split(' := ', 1)[1].split(' ; ')[0]


def users(farm, path):
    """The sources that see the file: itself, or those that were compiled with the header."""
    if path.suffix == '.c':
        return [farm / path]
    return [source for source in sources_of(farm)
            if (source.parent / f'.{source.stem}.o.cmd').exists()
            and f'/{path} ' in (source.parent / f'.{source.stem}.o.cmd').read_text().replace('\\\n', ' ') + ' ']


def compiled(farm, headers, source, number):
    """What orders memory in the object of the source as it is now."""
    out = source.with_name(f'{source.stem}.control{number}.o')
    object_name = str(source.with_suffix('.o'))
    command = command_of(farm, source).replace(f'-o {object_name}', f'-w -o {out}')
    subprocess.run([*shlex.split(os.environ['RUN']), 'sh', '-c', f'cd {headers} && {command}'], check=True)
    order = order_of(out)
    out.unlink()
    return order


def lose(farm, headers, site, number):
    """(what was lost, whether it makes a difference); the file in the farm is a link to the tree, changed for a moment."""
    path, line, pattern, left = site
    original = (TOP / path).read_text().split('\n')
    changed = list(original)
    changed[line] = re.sub(pattern, left, original[line], count=1)
    link = farm / path
    link.unlink()
    link.write_text('\n'.join(changed))
    try:
        for source in users(farm, path):
            if compiled(farm, headers, source, number) != order_of(source.with_suffix('.o')):
                return True
        return False
    finally:
        link.unlink()
        link.symlink_to(TOP / path)


def sites():
    barriers = site_finder()
    for path in sorted(p for d in ('src', 'include') for p in (TOP / d).rglob('*.[ch]') if p.name not in ('base.h', 'instructions.h')):
        for where, _function, _named in barriers(path, TOP):
            name, line = where.rsplit(':', 1)
            text = path.read_text().split('\n')[int(line) - 1]
            for pattern, left in LOSSES:
                if re.search(pattern, text):
                    yield pathlib.Path(name), int(line) - 1, pattern, left


def control(farm):
    headers, good = os.environ['HEADERS'], True
    for number, site in enumerate(sites()):
        path, line, pattern, left = site
        name = f'{path}:{line + 1}'
        what = re.search(pattern, (TOP / path).read_text().split('\n')[line]).group()
        try:
            noticed = lose(farm, headers, site, number)
        except subprocess.CalledProcessError:
            print(f'KHT-FAIL barrier-control {name}: "{left}" in the place of "{what}" does not compile')
            good = False
            continue
        print(f'KHT-{"PASS" if noticed else "FAIL"} barrier-control {name}: "{left}" in the place of "{what}"'
              + ('' if noticed else ' makes no difference'), flush=True)
        good = good and noticed
    return good


def main():
    what, farm = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == 'list':
        print('\n'.join([f'# {os.environ["RELEASE"]}', *listing(farm)]))
        return
    sys.exit(0 if {'check': check, 'control': control}[what](farm) else 1)


if __name__ == '__main__':
    main()
