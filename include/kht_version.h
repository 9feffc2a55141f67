/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KHT_VERSION_H
#define KHT_VERSION_H

/*
 * Of both modules of the replacement flavour: kvm-hv-tlb leaves another
 * version's kvm-hv alone. The package (debian/rules) refuses to be built unless
 * dkms.conf and debian/changelog have it too.
 */
#define KHT_VERSION "0.2.0"

#endif
