/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <ingot/ingot.h>

int main(void) {
  printf("ingot %s\n", ingot_version());
  return 0;
}
