// Random generators.
#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

#include "bridge.h"

using namespace bridge;

BRIDGE void* onnxmoe_torch_generator(uint64_t seed) {
  return guarded<void*>(nullptr, [&] { return new at::Generator(at::detail::createCPUGenerator(seed)); });
}

BRIDGE void* onnxmoe_torch_default_generator() {
  return guarded<void*>(nullptr, [&] { return new at::Generator(at::detail::getDefaultCPUGenerator()); });
}

BRIDGE void onnxmoe_torch_free_generator(void* generator) { delete static_cast<at::Generator*>(generator); }

BRIDGE void onnxmoe_torch_seed_generator(void* generator, uint64_t seed) {
  auto g = static_cast<at::Generator*>(generator);
  std::lock_guard<std::mutex> lock(g->mutex());
  g->set_current_seed(seed);
}

// Seeds from the operating system's randomness, and returns the seed.
BRIDGE uint64_t onnxmoe_torch_reseed_generator(void* generator) {
  auto g = static_cast<at::Generator*>(generator);
  std::lock_guard<std::mutex> lock(g->mutex());
  return g->seed();
}

BRIDGE uint64_t onnxmoe_torch_generator_seed(void* generator) { return static_cast<at::Generator*>(generator)->current_seed(); }

BRIDGE Handle onnxmoe_torch_generator_state(void* generator) {
  return guarded<Handle>(nullptr, [&] { return release(static_cast<at::Generator*>(generator)->get_state()); });
}

BRIDGE int32_t onnxmoe_torch_set_generator_state(void* generator, Handle state) {
  return guarded(-1, [&] { static_cast<at::Generator*>(generator)->set_state(borrow(state)); return 0; });
}
