// Properties, memory and lifetime of tensors, and threads.
#include <ATen/Parallel.h>

#include "bridge.h"

using namespace bridge;

BRIDGE void onnxmoe_torch_free(Handle handle) {
  if (handle != nullptr) c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(handle);
}

// A tensor over memory of the caller, who is told through released(context) when it is no longer used; or 0.
BRIDGE Handle onnxmoe_torch_from_memory(void* data, const int64_t* shape, int64_t dimensions, int32_t type,
                                        void (*released)(void*), void* context) {
  return guarded<Handle>(nullptr, [&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(type));
    return release(at::from_blob(data, at::IntArrayRef(shape, dimensions), [=](void*) { released(context); }, options));
  });
}

// The sizes, and their number; valid as long as the tensor keeps its shape.
BRIDGE const int64_t* onnxmoe_torch_sizes(Handle handle, int64_t* dimensions) {
  auto sizes = handle->sizes();
  *dimensions = sizes.size();
  return sizes.data();
}

BRIDGE const int64_t* onnxmoe_torch_strides(Handle handle, int64_t* dimensions) {
  auto strides = handle->strides();
  *dimensions = strides.size();
  return strides.data();
}

BRIDGE int64_t onnxmoe_torch_dimensions(Handle handle) { return handle->dim(); }

BRIDGE int64_t onnxmoe_torch_numel(Handle handle) { return handle->numel(); }

BRIDGE int64_t onnxmoe_torch_storage_offset(Handle handle) { return handle->storage_offset(); }

BRIDGE int32_t onnxmoe_torch_type(Handle handle) { return static_cast<int32_t>(at::typeMetaToScalarType(handle->dtype())); }

BRIDGE int32_t onnxmoe_torch_device_type(Handle handle) { return static_cast<int32_t>(handle->device().type()); }

BRIDGE int32_t onnxmoe_torch_is_contiguous(Handle handle) { return handle->is_contiguous(); }

// The address of the first element; 0 for tensors without memory.
BRIDGE void* onnxmoe_torch_data(Handle handle) {
  return guarded<void*>(nullptr, [&] { return borrow(handle).data_ptr(); });
}

BRIDGE int32_t onnxmoe_torch_threads() { return at::get_num_threads(); }

BRIDGE int32_t onnxmoe_torch_set_threads(int32_t count) {
  return guarded(-1, [&] { at::set_num_threads(count); return 0; });
}

BRIDGE int32_t onnxmoe_torch_interop_threads() { return at::get_num_interop_threads(); }

BRIDGE int32_t onnxmoe_torch_set_interop_threads(int32_t count) {
  return guarded(-1, [&] { at::set_num_interop_threads(count); return 0; });
}

BRIDGE int32_t onnxmoe_torch_promote(int32_t a, int32_t b) {
  return static_cast<int32_t>(c10::promoteTypes(static_cast<at::ScalarType>(a), static_cast<at::ScalarType>(b)));
}

BRIDGE void onnxmoe_torch_set_default_type(int32_t type) {
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(static_cast<at::ScalarType>(type)));
}

BRIDGE int32_t onnxmoe_torch_default_type() { return static_cast<int32_t>(c10::get_default_dtype_as_scalartype()); }
