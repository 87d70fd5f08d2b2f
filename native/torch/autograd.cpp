// Gradients: flags of tensors, backward passes, grad and inference modes, functions with a managed backward.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include "bridge.h"

using namespace bridge;

namespace {

// The gradients of inputs outputs, given those of the outputs; writes a new handle (or 0) for each input, returns 0 or,
// after an exception in managed code, -1.
using Backward = int32_t (*)(void* context, const Handle* gradients, int32_t count, Handle* results, int32_t inputs);

// A node of the graph whose backward pass is managed code.
struct ManagedNode : torch::autograd::Node {
  Backward backward;
  void (*released)(void*);
  void* context;
  int32_t inputs;

  ~ManagedNode() override { released(context); }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    std::vector<Handle> given, results(inputs, nullptr);
    for (auto& g : gradients) given.push_back(release(g));  // managed code owns them
    int32_t failed = backward(context, given.data(), static_cast<int32_t>(given.size()), results.data(), inputs);
    torch::autograd::variable_list list;
    for (Handle r : results) list.push_back(r == nullptr ? at::Tensor() : at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(r)));
    TORCH_CHECK(failed == 0, "the backward pass of a managed autograd function failed");
    return list;
  }
};

}  // namespace

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

// Makes the outputs (computed without gradients) results of a function of the inputs whose backward pass is managed code.
// With keep[i] == 0 an output is not differentiable. Writes the handles of the outputs to use from now on.
BRIDGE int32_t onnxmoe_torch_function(const Handle* inputs, int32_t input_count, const Handle* outputs, int32_t output_count,
                                      const int32_t* keep, Backward backward, void (*released)(void*), void* context, Handle* results) {
  return guarded(-1, [&] {
    auto node = std::shared_ptr<ManagedNode>(new ManagedNode(), torch::autograd::deleteNode);
    node->backward = backward;
    node->released = released;
    node->context = context;
    node->inputs = input_count;
    node->set_next_edges(torch::autograd::collect_next_edges(borrow_all(inputs, input_count)));
    for (int32_t i = 0; i < output_count; i++) {
      at::Tensor output = borrow(outputs[i]).detach();
      if (keep[i] != 0)
        torch::autograd::set_history(output, node);
      else
        node->add_input_metadata(torch::autograd::Node::undefined_input());
      results[i] = release(output);
    }
    return 0;
  });
}
