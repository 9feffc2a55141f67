# shellcheck shell=sh disable=SC2034,SC2154 # its variables are for the scenarios that source it, and theirs for it
# The same life of a real guest on the stock kernel and with the module, and a table of what it cost; sourced after
# real-steps.sh.

ROWS=/tmp/rows

# Of the partition scope, of whatever guest: a migration has two.
all_broadcasts() { hits powerpc/tlbie 'lpid: *[1-9][0-9]*, local: *0, prs: *0'; }

vmstat() { sed -n "s/^$1 //p" /proc/vmstat; }

# row NAME COMMAND...: a step whose figures go to the table: COMMAND leaves in $amount how much work there was
row() {
	row=$1
	shift
	amount=0
	# In the sanitizer's reports.
	tlbsan-start "$row"
	row_before=$(all_broadcasts)
	kht_check "$prefix-$row" "$@" || return
	echo "$row $tag $amount $(($(all_broadcasts) - row_before))" | tee -a $ROWS | sed 's/^/KHT-LOG row /'
	took "$row"
}

random_cpu() { echo $(($(od -An -N1 -tu1 /dev/urandom) % 4)); }

# move_at_random TURNS: each of $threads
move_at_random() {
	moved=0
	while [ $moved -lt $(($1 * GUEST_CPUS)) ]; do
		for thread in $threads; do
			taskset -p -c "$(random_cpu)" "$thread" >/dev/null || return 1
			moved=$((moved + 1))
		done
		sleep 0.2
	done
}

table() {
	kht_log "$(printf '%-24s %19s %23s' '' amount broadcasts)"
	kht_log "$(printf '%-24s %9s %9s %11s %11s' '' stock module stock module)"
	awk '{ amount[$1, $2] = $3; broadcasts[$1, $2] = $4; if (!seen[$1]++) order[n++] = $1 }
	END { for (i = 0; i < n; i++) { r = order[i]; printf "KHT-LOG %-24s %9s %9s %11s %11s\n", r, amount[r, "stock"],
		amount[r, "module"], broadcasts[r, "stock"], broadcasts[r, "module"] } }' $ROWS
}

# lives NAME [TAG...]: life (the scenario's) for each, both without a TAG
lives() {
	lives_name=$1
	shift
	[ $# -gt 0 ] || set -- stock module
	for tag in "$@"; do
		prefix=$lives_name-$tag
		began=$(now)
		[ "$tag" = stock ] || kht_check module-loads module_load || continue
		life
		for name in a b c d; do
			[ ! -f /tmp/$name/qemu.pid ] || ! alive $name || kill -9 "$(pid_of $name)"
		done
		[ "$tag" = stock ] || kht_check module-unloads module_unload
	done
	table
}
