// The generic entry: calls any ATen operator by name through the dispatcher, which keeps autograd.
#include <ATen/core/dispatch/Dispatcher.h>

#include "bridge.h"

namespace bridge {
namespace {

// An operator and what each of its arguments wants, looked up once.
struct Operator {
  c10::OperatorHandle handle;
  std::vector<c10::TypePtr> types;  // optional types unwrapped
};

thread_local std::vector<Argument> pending;

c10::IValue list_value(const Argument& a, const c10::TypePtr& type) {
  const auto* handles = static_cast<const Handle*>(a.pointer);
  const auto& element = type->castRaw<c10::ListType>()->getElementType();
  if (element->kind() == c10::TypeKind::OptionalType) {
    c10::List<c10::optional<at::Tensor>> list;
    list.reserve(a.count);
    for (int i = 0; i < a.count; i++)
      list.push_back(handles[i] == nullptr ? c10::nullopt : c10::optional<at::Tensor>(borrow(handles[i])));
    return list;
  }
  c10::List<at::Tensor> list;
  list.reserve(a.count);
  for (int i = 0; i < a.count; i++) list.push_back(borrow(handles[i]));
  return list;
}

c10::IValue value(const Argument& a, const c10::TypePtr& type, const c10::Argument& schema) {
  switch (a.tag) {
    case kNone: return {};
    case kDefault:
      TORCH_CHECK(schema.default_value().has_value(), "the argument '", schema.name(), "' has no default");
      return *schema.default_value();
    case kTensor: return borrow(static_cast<Handle>(const_cast<void*>(a.pointer)));
    case kInt:
      if (type->kind() == c10::TypeKind::FloatType) return static_cast<double>(a.integer);
      if (type->kind() == c10::TypeKind::ListType) return c10::IValue(at::IntArrayRef(&a.integer, 1));
      return a.integer;
    case kDouble: return a.real;
    case kBool: return a.integer != 0;
    case kInts: return c10::IValue(at::IntArrayRef(static_cast<const int64_t*>(a.pointer), a.count));
    case kDoubles: return c10::IValue(at::ArrayRef<double>(static_cast<const double*>(a.pointer), a.count));
    case kTensors: return list_value(a, type);
    case kString: return std::string(static_cast<const char*>(a.pointer), a.count);
    case kDevice:
      return c10::Device(static_cast<c10::DeviceType>(a.integer & 0xff), static_cast<c10::DeviceIndex>(a.integer >> 32));
    case kGenerator: return *static_cast<const at::Generator*>(a.pointer);
    default: TORCH_CHECK(false, "unknown argument tag ", a.tag);
  }
}

Argument tensor_result(at::Tensor tensor) {
  Argument a{kTensor, 0, {0}};
  a.pointer = release(std::move(tensor));
  return a;
}

void add_result(std::vector<Argument>& results, c10::IValue&& v) {
  if (v.isTensor()) {
    results.push_back(tensor_result(std::move(v).toTensor()));
  } else if (v.isTensorList()) {
    for (const at::Tensor& t : v.toTensorVector()) results.push_back(tensor_result(t));
  } else if (v.isDouble()) {
    Argument a{kDouble, 0, {0}};
    a.real = v.toDouble();
    results.push_back(a);
  } else if (v.isInt() || v.isBool()) {
    results.push_back({v.isInt() ? kInt : kBool, 0, {v.isInt() ? v.toInt() : v.toBool()}});
  } else if (v.isNone()) {
    results.push_back({kNone, 0, {0}});
  } else {
    TORCH_CHECK(false, "a result of type ", v.tagKind(), " cannot be returned");
  }
}

}  // namespace

std::string& error() {
  thread_local std::string message;
  return message;
}

std::vector<at::Tensor> borrow_all(const Handle* handles, int64_t count) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (int64_t i = 0; i < count; i++) tensors.push_back(borrow(handles[i]));
  return tensors;
}

}  // namespace bridge

using namespace bridge;

BRIDGE const char* onnxmoe_torch_error() { return error().c_str(); }

// The operator aten::NAME of an overload ("" for the one without a name), or 0.
BRIDGE void* onnxmoe_torch_operator(const char* name, const char* overload) {
  return guarded<void*>(nullptr, [&]() -> void* {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow((std::string("aten::") + name).c_str(), overload);
    auto op = new Operator{handle, {}};
    for (const auto& argument : handle.schema().arguments()) {
      auto type = argument.type();
      if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
      op->types.push_back(type);
    }
    return op;
  });
}

// Calls an operator. Arguments beyond count take their defaults. Returns the number of results (a list counts its
// elements), or -1. At most capacity results are written; if there are more, onnxmoe_torch_results fetches them all.
// With capacity 0 the results are dropped (operators that work in place).
BRIDGE int onnxmoe_torch_call(void* handle, const Argument* arguments, int count, Argument* results, int capacity) {
  return guarded(-1, [&] {
    auto op = static_cast<Operator*>(handle);
    const auto& schema = op->handle.schema().arguments();
    TORCH_CHECK(count <= static_cast<int>(schema.size()), op->handle.schema().name(), ": too many arguments");
    torch::jit::Stack stack;
    stack.reserve(schema.size());
    static const Argument by_default{kDefault, 0, {0}};
    for (int i = 0; i < static_cast<int>(schema.size()); i++)
      stack.push_back(value(i < count ? arguments[i] : by_default, op->types[i], schema[i]));
    op->handle.callBoxed(&stack);
    if (capacity == 0) return 0;
    if (stack.size() == 1 && stack[0].isTensor()) {
      results[0] = tensor_result(std::move(stack[0]).toTensor());
      return 1;
    }
    pending.clear();
    for (auto& v : stack) add_result(pending, std::move(v));
    int total = static_cast<int>(pending.size());
    if (total <= capacity) std::copy(pending.begin(), pending.end(), results);
    return total;
  });
}

// Writes all results of this thread's last call.
BRIDGE void onnxmoe_torch_results(Argument* results) { std::copy(pending.begin(), pending.end(), results); }
