/* SPDX-License-Identifier: Apache-2.0 */
/* In C, against a frozen version of the interface, the first unless INTERFACE names another: y = x + bias, where bias
 * is an optional second input. Must load in every engine of this major version. */
#include <stdio.h>

#ifndef INTERFACE
#define INTERFACE "frozen/plugin_1_0.h"
#endif
#include INTERFACE

static int32_t infer(void* user, const ingot_plugin_infer* call, ingot_plugin_error* error) {
  ingot_plugin_dim dims[8];
  const int32_t rank = call->input_rank(call->host, 0);
  (void)user;
  if (rank < 0 || rank > 8) {
    snprintf(error->text, error->capacity, "input 0 must have a known rank of at most 8");
    return 1;
  }
  for (int32_t i = 0; i < rank; ++i) dims[i] = call->input_dim(call->host, 0, i);
  call->set_output(call->host, 0, call->input_type(call->host, 0), rank, dims);
  return 0;
}

static int32_t launch(void* user, const void* instance, void* state, const ingot_plugin_launch* call,
                      ingot_plugin_error* error) {
  const ingot_plugin_tensor *x = &call->inputs[0], *y = &call->outputs[0];
  const float* bias = call->input_count > 1 ? (const float*)call->inputs[1].data : NULL;
  int64_t count = 1;
  (void)user, (void)instance, (void)state, (void)error;
  for (int32_t i = 0; i < x->rank; ++i) count *= x->dims[i];
  for (int64_t i = 0; i < count; ++i) ((float*)y->data)[i] = ((const float*)x->data)[i] + (bias != NULL ? bias[0] : 0);
  return 0;
}

static const ingot_plugin_operator kAdd = {.size = sizeof(ingot_plugin_operator),
                                           .domain = "old",
                                           .name = "AddBias",
                                           .devices = INGOT_PLUGIN_CPU,
                                           .least_inputs = 1,
                                           .most_inputs = 2,
                                           .least_outputs = 1,
                                           .most_outputs = 1,
                                           .infer = infer,
                                           .launch = launch};
static const ingot_plugin_operator* const kOperators[] = {&kAdd};
static const ingot_plugin_library kLibrary = {.size = sizeof(ingot_plugin_library),
                                              .major = INGOT_PLUGIN_MAJOR,
                                              .minor = INGOT_PLUGIN_MINOR,
                                              .name = "old",
                                              .version = "0.9",
                                              .operators = kOperators,
                                              .operator_count = 1};

const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host* host) {
  (void)host;
  return &kLibrary;
}
