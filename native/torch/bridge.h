// The C interface between compat/TorchSharp and libtorch.
//
// A tensor handle is a TensorImpl* that owns one reference; 0 is the undefined tensor. Functions that can fail return a
// value that says so (-1 or 0, see each) and leave the message in onnxmoe_torch_error().
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#define BRIDGE extern "C" __attribute__((visibility("default")))

namespace bridge {

using Handle = c10::TensorImpl*;

// What an Argument holds. The numbers are those of compat/TorchSharp/Native/Argument.cs.
enum Tag : int32_t {
  kNone = 0,       // an omitted optional argument
  kDefault = 1,    // the default of the operator's schema
  kTensor = 2,     // handle
  kInt = 3,
  kDouble = 4,
  kBool = 5,
  kInts = 6,       // pointer to count int64_t
  kDoubles = 7,    // pointer to count double
  kTensors = 8,    // pointer to count handles; 0 is an undefined (omitted) tensor
  kString = 9,     // pointer to count bytes of UTF-8
  kDevice = 10,    // low half: type, high half: index
  kGenerator = 11  // at::Generator*
};

struct Argument {
  int32_t tag;
  int32_t count;
  union {
    int64_t integer;
    double real;
    const void* pointer;
  };
};

// The message of the last failure on this thread.
std::string& error();

// A tensor that shares the handle's storage; the handle stays valid.
inline at::Tensor borrow(Handle handle) {
  return handle == nullptr ? at::Tensor()
                           : at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(handle));
}

// A handle that keeps the tensor alive until onnxmoe_torch_free.
inline Handle release(at::Tensor tensor) { return tensor.defined() ? tensor.unsafeReleaseTensorImpl() : nullptr; }

std::vector<at::Tensor> borrow_all(const Handle* handles, int64_t count);

// Runs body; on an exception keeps its message and returns failure.
template <typename Result, typename Body>
Result guarded(Result failure, Body&& body) {
  try {
    return body();
  } catch (const c10::Error& e) {
    error() = e.what_without_backtrace();
  } catch (const std::exception& e) {
    error() = e.what();
  }
  return failure;
}

}  // namespace bridge
