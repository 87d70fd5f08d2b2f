#include "scratch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace onnxmoe {

namespace {

size_t Rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Workspace::~Workspace() {
    for (const Block& block : blocks_) std::free(block.memory);
}

char* Workspace::Take(size_t bytes) {
    const size_t size = Rounded(bytes);
    if (in_use_ == 0 && blocks_.size() > 1) {
        // One block for all that the last run had in several.
        size_t total = 0;
        for (const Block& block : blocks_) {
            total += block.size;
            std::free(block.memory);
        }
        blocks_.clear();
        Add(std::max(total, size));
    }
    constexpr size_t kLeast = size_t{1} << 18;
    if (blocks_.empty() || blocks_.back().size - blocks_.back().used < size) Add(std::max(size, kLeast));
    Block& block = blocks_.back();
    char* taken = block.memory + block.used;
    block.used += size;
    in_use_ += size;
    return taken;
}

void Workspace::Add(size_t size) {
    blocks_.reserve(blocks_.size() + 1);
    char* memory = static_cast<char*>(std::aligned_alloc(64, size));
    if (memory == nullptr) throw std::bad_alloc();
    blocks_.push_back({memory, size, 0});
}

void Workspace::Return(size_t bytes) {
    const size_t size = Rounded(bytes);
    in_use_ -= size;
    // Blocks behind it are empty, and stay until nothing is in use.
    for (size_t i = blocks_.size(); i-- > 0;) {
        if (blocks_[i].used == 0) continue;
        blocks_[i].used -= size;
        return;
    }
}

}  // namespace onnxmoe
