# shellcheck shell=sh disable=SC2034 # its variables are for the scenario that sources it
# Real guests: Debian's QEMU in the emulated host, driven through pipes; sourced by real-guest.sh.
# Each QEMU has a name and a folder /tmp/NAME: qmp.log and console.log are what it said, qemu.pid its process.

IMAGES=/real-guest
CGROUP=/sys/fs/cgroup/guests
TRACEFS=/sys/kernel/tracing
GUEST_MIB=512
GUEST_CPUS=2
qmp_id=0
# What an emulated POWER9 or POWER10 cannot promise to its guests, and its page size. With pages that small the hash table
# of a guest that may grow to 2 GiB is what its real mode area of 512 MiB needs.
PSERIES=pseries,x-vof=on,resize-hpt=disabled,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,cap-hpt-max-page-size=4096

# start_qemu NAME WORDS [OPTIONS]: WORDS are for the guest kernel's command line
start_qemu() {
	folder=/tmp/$1
	words=$2
	rm -rf "$folder"
	mkdir "$folder"
	for pipe in qmp console; do
		mkfifo "$folder/$pipe.in" "$folder/$pipe.out"
		cat "$folder/$pipe.out" >"$folder/$pipe.log" &
	done
	shift 2
	# What the guest's memory costs is charged to the process that touches it first.
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' $CGROUP \
		qemu-system-ppc64 -machine "$PSERIES${PSERIES_MORE:-}" -accel kvm -cpu host -smp $GUEST_CPUS -m $GUEST_MIB,slots=1,maxmem=2G -nodefaults -display none \
		-kernel $IMAGES/vmlinux -initrd "${INITRAMFS:-$IMAGES/initramfs}" -append "console=hvc0 quiet panic=-1 sysrq_always_enabled $words" \
		-chardev "pipe,id=console,path=$folder/console" -device spapr-vty,chardev=console \
		-chardev "pipe,id=qmp,path=$folder/qmp" -mon chardev=qmp,mode=control \
		-device virtio-balloon-pci -no-reboot "$@" >"$folder/qemu.log" 2>&1 &
	echo $! >"$folder/qemu.pid"
	# Before QEMU has opened its pipes what is written to them is lost.
	within 120 greeted "$folder" && qmp "${folder##*/}" qmp_capabilities && return
	echo "QEMU does not start: $(cat "$folder/qemu.log")"
	return 1
}

greeted() { grep -q '"QMP"' "$1/qmp.log"; }

pid_of() { cat "/tmp/$1/qemu.pid"; }
# Neither gone nor a zombie.
alive() { grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$(pid_of "$1")/status" 2>/dev/null; }
gone() { ! alive "$1"; }

# ends NAME: its QEMU does so by itself, and well
ends() {
	if ! within 120 gone "$1"; then
		echo "QEMU $1 does not end"
		return 1
	fi
	wait "$(pid_of "$1")" && return
	echo "QEMU $1 failed: $(tail -n 1 "/tmp/$1/qemu.log")"
	return 1
}

# now: in seconds. Not from date, since the vDSO may read ahead here (tests/real-guest/stress.c).
now() { sed 's/\..*//' /proc/uptime; }

# within SECONDS COMMAND...: until COMMAND succeeds, which may wait itself: only its own parameters are safe from it.
within() {
	seconds=$1
	shift
	set -- $(($(now) + seconds)) "$@"
	until but_first "$@"; do
		[ "$(now)" -lt "$1" ] || return 1
		sleep 1
	done
}

but_first() {
	shift
	"$@"
}

answered() { grep -q "\"id\": $2[,}]" "/tmp/$1/qmp.log" || ! alive "$1"; }

# qmp NAME COMMAND [ARGUMENTS]: $ANSWER is what it returns; fails when QEMU refuses or is gone. The pipe is opened
# for reading too: an open for writing waits for a reader, which a dead QEMU is not.
qmp() {
	qmp_id=$((qmp_id + 1))
	echo "{\"execute\":\"$2\",\"arguments\":${3:-{\}},\"id\":$qmp_id}" 1<>"/tmp/$1/qmp.in"
	within 120 answered "$1" $qmp_id
	ANSWER=$(grep "\"id\": ${qmp_id}[,}]" "/tmp/$1/qmp.log")
	case $ANSWER in *'"return"'*) return 0 ;; esac
	echo "$2: ${ANSWER:-QEMU gave no answer: $(tail -n 1 "/tmp/$1/qemu.log")}"
	return 1
}

# The first number, or word in quotes, of that name in $ANSWER.
answer() { echo "$ANSWER" | sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p"; }

says() { grep -aq "$2" "/tmp/$1/console.log"; }
said() { grep -a "$2" "/tmp/$1/console.log" | tail -n 1 | tr -d '\r'; }
says_or_ends() { says "$1" "$2" || ! alive "$1"; }

# console_wait NAME SECONDS TEXT
console_wait() {
	within "$2" says_or_ends "$1" "$3" && says "$1" "$3" && return 0
	tail -n 12 "/tmp/$1/console.log" "/tmp/$1/qemu.log"
	alive "$1" || echo "QEMU has ended"
	echo "the guest did not say '$3' within $2 s"
	return 1
}

bursts() { said "$1" '^STRESS.* bursts=' | sed -n 's/.* bursts=\([0-9]*\).*/\1/p'; }

# Where the vCPUs of guest NAME are, and how often they have been entered, twice: for the log of a guest that is stuck.
whereabouts() {
	for look in first second; do
		echo "$look look:"
		qmp "$1" human-monitor-command '{"command-line":"info registers -a"}' &&
			echo "$ANSWER" | grep -oE '(NIP|MSR|DECR|TB) [0-9a-f ]*'
		(cd "$(kvm_folder "$1")" && grep -r . vcpu*/timings vcpu*/sum_exits vcpu*/ceded* sum_exits dec_exits signal_exits ext_intr_exits 2>/dev/null)
		sleep 2
	done
	echo "what the guest's kernel says:"
	# Ctrl-O on this console is SysRq: all messages, blocked tasks, timers, all tasks, CPUs.
	for key in 9 w q t l; do
		printf '\017%s' $key 1<>"/tmp/$1/console.in"
		within 15 says "$1" "$(sysrq_answer $key)"
		sleep 1
	done
	grep -av '^STRESS' "/tmp/$1/console.log"
	tail -n 4 "/tmp/$1/console.log" "/tmp/$1/qemu.log"
}

# sysrq_answer KEY: what it begins with
sysrq_answer() {
	case $1 in
	9) echo 'Loglevel set to 9' ;;
	w) echo 'Show Blocked State' ;;
	q) echo 'Show clockevent devices' ;;
	t) echo 'Show State' ;;
	l) echo 'Show backtrace' ;;
	esac
}

# What guest NAME complained about, on this side of a migration.
complaints_of() { grep -aE '^(STRESS-BAD|GUEST-BAD)|Oops|Kernel panic|Unable to handle' "/tmp/$1/console.log"; }

kvm_folder() { echo /sys/kernel/debug/kvm/"$(pid_of "$1")"-*; }

# vcpu_threads NAME: the threads of its vCPUs end in $threads
vcpu_threads() {
	qmp "$1" query-cpus-fast || return 1
	threads=$(echo "$ANSWER" | grep -o '"thread-id": [0-9]*' | sed 's/.* //')
}

# bind NAME: its vCPUs to CPUs of their own, two of them to both cores: no move then makes a vCPU forget its translations.
bind() {
	vcpu_threads "$1" || return 1
	apart=$((4 / GUEST_CPUS))
	cpu=$((apart - 1))
	for thread in $threads; do
		taskset -p -c $cpu "$thread" >/dev/null || return 1
		cpu=$((cpu + apart))
	done
}

# counter NAME COUNTER: one of the module's for this guest, 0 without the module
counter() { cat "$(kvm_folder "$1")/$2" 2>/dev/null || echo 0; }

# The kernel's own counts, as in tests/vmm/counts.c. Hash guests' tlbie are not traced, but in a stock kernel each
# call of kvmppc_invalidate_hpte() is a broadcast. Behind the entry, as there.
count_events() {
	for probe in 'p:kht/lpid mmu_partition_table_set_entry+16 lpid=%gpr3' 'p:kht/hpte kvmppc_invalidate_hpte+16'; do
		echo "$probe" >>$TRACEFS/kprobe_events
	done
	echo 'hist:keys=lpid,local,prs' >$TRACEFS/events/powerpc/tlbie/trigger
	echo 'hist:keys=common_pid,lpid' >$TRACEFS/events/kht/lpid/trigger
	echo 'hist:keys=common_type' >$TRACEFS/events/kht/hpte/trigger
}

# hits EVENT KEYS: how often EVENT came with KEYS, a regular expression
hits() { sed -n "s/^{ $2 } hitcount: *//p" "$TRACEFS/events/$1/hist" | awk '{ n += $1 } END { print n + 0 }'; }

lpid_of() {
	sed -n "s/^{ common_pid: *$(pid_of "$1"), lpid: *\([0-9]*\) }.*/\1/p" $TRACEFS/events/kht/lpid/hist | head -n 1
}

# broadcasts NAME: of the partition scope, for this guest; of a hash guest those that the host makes
broadcasts() {
	if [ "$MMU" = hash ]; then
		if module_loaded; then counter "$1" tlb_broadcasts; else hits kht/hpte '.*'; fi
	else
		hits powerpc/tlbie "lpid: *$(lpid_of "$1"), local: *0, prs: *0"
	fi
}
