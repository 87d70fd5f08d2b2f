#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onnxmoe {

// Memory that a thread takes and gives back in reverse order. What it once needed it keeps: the next run allocates nothing.
class Workspace {
   public:
    // Of the calling thread; `Tag` tells those apart that do not follow one order.
    template <class Tag>
    static Workspace& OfThread() {
        thread_local Workspace workspace;
        return workspace;
    }

    Workspace() = default;
    ~Workspace();
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    // Aligned to 64 bytes, uninitialized.
    char* Take(size_t bytes);

    // What was taken last.
    void Return(size_t bytes);

   private:
    struct Block {
        char* memory;
        size_t size, used;
    };

    void Add(size_t size);

    std::vector<Block> blocks_;  // the last one is taken from
    size_t in_use_ = 0;
};

// Memory for the duration of one call, carved into arrays.
class Scratch {
   public:
    explicit Scratch(size_t bytes) : workspace_(Workspace::OfThread<Scratch>()), bytes_(bytes), next_(workspace_.Take(bytes)) {}
    ~Scratch() { workspace_.Return(bytes_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    // So many bytes does an array need here.
    template <class T>
    static size_t Bytes(int64_t count) {
        return (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    }

    // The next array, aligned to 64 bytes, uninitialized.
    template <class T>
    T* Take(int64_t count) {
        T* array = reinterpret_cast<T*>(next_);
        next_ += Bytes<T>(count);
        return array;
    }

   private:
    Workspace& workspace_;
    size_t bytes_;
    char* next_;
};

}  // namespace onnxmoe
