// Gradients: flags of tensors, backward passes, grad and inference modes.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "bridge.h"

using namespace bridge;

BRIDGE int32_t onnxmoe_torch_requires_grad(Handle handle) { return handle->requires_grad(); }

BRIDGE int32_t onnxmoe_torch_set_requires_grad(Handle handle, int32_t value) {
  return guarded(-1, [&] { borrow(handle).requires_grad_(value != 0); return 0; });
}

BRIDGE int32_t onnxmoe_torch_is_leaf(Handle handle) { return borrow(handle).is_leaf(); }

BRIDGE Handle onnxmoe_torch_grad(Handle handle) { return release(borrow(handle).grad()); }

BRIDGE int32_t onnxmoe_torch_set_grad(Handle handle, Handle gradient) {
  return guarded(-1, [&] { borrow(handle).mutable_grad() = borrow(gradient); return 0; });
}

BRIDGE int32_t onnxmoe_torch_retain_grad(Handle handle) {
  return guarded(-1, [&] { borrow(handle).retain_grad(); return 0; });
}

// Adds the gradients of roots to the leaves, or to inputs only if there are any. A zero gradient handle stands for ones.
BRIDGE int32_t onnxmoe_torch_backward(const Handle* roots, const Handle* gradients, int64_t count, int32_t retain,
                                      int32_t create, const Handle* inputs, int64_t input_count) {
  return guarded(-1, [&] {
    torch::autograd::backward(borrow_all(roots, count),
                              gradients == nullptr ? torch::autograd::variable_list() : borrow_all(gradients, count),
                              retain != 0, create != 0, borrow_all(inputs, input_count));
    return 0;
  });
}

// Writes the gradients of outputs with respect to inputs (0 for an input that was not used, if that is allowed).
BRIDGE int32_t onnxmoe_torch_gradients(const Handle* outputs, const Handle* gradients, int64_t count, const Handle* inputs,
                                       int64_t input_count, int32_t retain, int32_t create, int32_t allow_unused, Handle* results) {
  return guarded(-1, [&] {
    auto list = torch::autograd::grad(borrow_all(outputs, count), borrow_all(inputs, input_count),
                                      gradients == nullptr ? torch::autograd::variable_list() : borrow_all(gradients, count),
                                      retain != 0, create != 0, allow_unused != 0);
    for (size_t i = 0; i < list.size(); i++) results[i] = release(list[i]);
    return 0;
  });
}

BRIDGE int32_t onnxmoe_torch_grad_mode() { return at::GradMode::is_enabled(); }

BRIDGE void onnxmoe_torch_set_grad_mode(int32_t enabled) { at::GradMode::set_enabled(enabled != 0); }

BRIDGE int32_t onnxmoe_torch_inference_mode() { return c10::InferenceMode::is_enabled(); }

// Enters (or, with 0, leaves for normal mode) inference mode on this thread until the guard is deleted.
BRIDGE void* onnxmoe_torch_enter_inference_mode(int32_t enabled) { return new c10::InferenceMode(enabled != 0); }

BRIDGE void onnxmoe_torch_leave_inference_mode(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
