# What of the kernel's log is the kernel's own, with or without the module, and no complaint is left out; all else stays.
#
# kvmppc_create_pte() warns, once, where it finds an entry that differs from the one it is to make in more than W, R and C.
# It has forgotten SOFT_DIRTY (0x200), which the host's entry gets in place at the first store to a page that was mapped
# by a load: a page that KSM has merged or of hugetlbfs. What differs and the mask of what must not are both in
# registers then; the second list of registers is user space's.

function end() {
	if (!differs || !mask)
		printf "%s", block
	inside = 0
}

/WARNING: .* kvmppc_create_pte\+/ {
	inside = in_kernel = 1
	differs = mask = 0
	block = ""
}

!inside {
	print
	next
}

{
	block = block $0 "\n"
	if (in_kernel && / GPR[0-9][0-9]: /) {
		differs = differs || / 0000000000000200 ?/
		mask = mask || / fffffffffffffe7d ?/
	}
	if (/ NIP \[/)
		in_kernel = 0
	if (/---\[ end trace /)
		end()
}

END {
	if (inside)
		printf "%s", block
}
