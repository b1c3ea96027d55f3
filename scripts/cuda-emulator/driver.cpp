// The CUDA driver's interface over one device that does not exist: memory is the process's, a kernel is host code (nvrtc.cpp), each of its
// threads a fibre. Calls do their work before they return. Only what cubecl and cudarc call is here.
//
// EMULATED_CORES     blocks run on so many cores (2)
// EMULATED_SM        the compute capability that is claimed (61: no tensor cores, so that kernels hold no inline PTX but atomics)
// EMULATED_MEMORY    bytes of device memory (8 GiB); what goes beyond is refused
// EMULATED_DRY=1     kernels are compiled and not run

#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#define DRIVER extern "C" __attribute__((visibility("default")))

typedef int Result;
typedef unsigned long long DevicePointer;
const Result SUCCESS = 0, OUT_OF_MEMORY = 2, INVALID_PTX = 218;

struct EmulatedDim3 {
    unsigned x, y, z;
};
// include/emulator.h has the same.
struct EmulatedThread {
    EmulatedDim3 thread, block, threads, blocks;
    char* shared;
};
extern "C" {
__attribute__((visibility("default"))) thread_local EmulatedThread emulated_thread;
}

static long setting(const char* name, long otherwise) {
    const char* value = getenv(name);
    return value ? atol(value) : otherwise;
}

static bool dry() { return getenv("EMULATED_DRY") != nullptr; }

// Fibres: the registers that a call keeps lie on the fibre's own stack.
extern "C" void emulated_switch(void** left, void* taken);
asm(R"(
.globl emulated_switch
.hidden emulated_switch
emulated_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  subq $8, %rsp; stmxcsr (%rsp); fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp); fldcw 4(%rsp); addq $8, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");

enum State { READY, WAITS_FOR_WARP, WAITS_FOR_BLOCK, DONE };

struct Fibre {
    void* top;
    char* stack;
    State state;
    EmulatedDim3 thread;
    unsigned came;  // the lanes of the last exchange
    int slot;       // where what they brought lies
};

const size_t STACK_BYTES = 256 << 10;
const unsigned LANES = 32;
const size_t LARGEST_BROUGHT = 32;

struct Warp {
    alignas(16) char bringing[LANES][LARGEST_BROUGHT];
    alignas(16) char brought[2][LANES][LARGEST_BROUGHT];
    int slot;
};

struct Core {
    std::vector<Fibre> fibres;
    std::vector<Warp> warps;
    std::vector<char> shared;
    void* scheduler;
    unsigned current;
    void (*kernel)(void**);
    void** arguments;
};
static thread_local Core core;

static void run_fibre() {
    core.kernel(core.arguments);
    core.fibres[core.current].state = DONE;
    void* never;
    emulated_switch(&never, core.scheduler);
    __builtin_unreachable();
}

static void wait(State state) {
    Fibre& fibre = core.fibres[core.current];
    fibre.state = state;
    emulated_switch(&fibre.top, core.scheduler);
}

DRIVER void emulated_wait_for_block() { wait(WAITS_FOR_BLOCK); }

DRIVER unsigned emulated_exchange(const void* brought, int size, void** others, unsigned* lane) {
    const unsigned me = core.current;
    if ((size_t)size > LARGEST_BROUGHT) abort();
    Warp& warp = core.warps[me / LANES];
    memcpy(warp.bringing[me % LANES], brought, size);
    *lane = me % LANES;
    wait(WAITS_FOR_WARP);
    const Fibre& fibre = core.fibres[me];
    for (unsigned i = 0; i < LANES; i++) others[i] = warp.brought[fibre.slot][i];
    return fibre.came;
}

// Lets those lanes of a warp go on that wait for it.
static bool release(unsigned first, unsigned end) {
    Warp& warp = core.warps[first / LANES];
    unsigned came = 0;
    for (unsigned i = first; i < end; i++)
        if (core.fibres[i].state == WAITS_FOR_WARP) came |= 1u << (i % LANES);
    if (!came) return false;
    warp.slot ^= 1;
    memcpy(warp.brought[warp.slot], warp.bringing, sizeof warp.bringing);
    for (unsigned i = first; i < end; i++) {
        Fibre& fibre = core.fibres[i];
        if (fibre.state != WAITS_FOR_WARP) continue;
        fibre.state = READY;
        fibre.came = came;
        fibre.slot = warp.slot;
    }
    return true;
}

static EmulatedDim3 place(unsigned long number, unsigned x, unsigned y) {
    return {(unsigned)(number % x), (unsigned)(number / x % y), (unsigned)(number / x / y)};
}

static void prepare(Fibre& fibre, EmulatedDim3 thread) {
    fibre.state = READY;
    fibre.thread = thread;
    void** top = (void**)(fibre.stack + STACK_BYTES - 64);
    *--top = nullptr;  // where a return address would lie: a function finds the stack 8 bytes off a multiple of 16
    *--top = (void*)run_fibre;
    for (int saved = 0; saved < 6; saved++) *--top = nullptr;
    --top;
    asm volatile("stmxcsr %0" : "=m"(((unsigned*)top)[0]));
    asm volatile("fnstcw %0" : "=m"(((unsigned short*)top)[2]));
    fibre.top = top;
}

static void run_block(unsigned threads, EmulatedDim3 shape) {
    while (core.fibres.size() < threads) {
        Fibre fibre{};
        fibre.stack = (char*)mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (fibre.stack == MAP_FAILED) abort();
        core.fibres.push_back(fibre);
    }
    core.warps.resize((threads + LANES - 1) / LANES);
    for (unsigned i = 0; i < threads; i++) prepare(core.fibres[i], place(i, shape.x, shape.y));
    for (;;) {
        bool moved = false;
        unsigned done = 0, at_block = 0;
        for (unsigned first = 0; first < threads; first += LANES) {
            const unsigned end = std::min(first + LANES, threads);
            bool all_wait = true;
            for (unsigned i = first; i < end; i++) {
                Fibre& fibre = core.fibres[i];
                if (fibre.state == READY) {
                    core.current = i;
                    emulated_thread.thread = fibre.thread;
                    emulated_switch(&core.scheduler, fibre.top);
                    moved = true;
                }
                all_wait &= fibre.state == WAITS_FOR_WARP || fibre.state == DONE;
                done += fibre.state == DONE;
                at_block += fibre.state == WAITS_FOR_BLOCK;
            }
            if (all_wait) moved |= release(first, end);
        }
        if (done == threads) return;
        if (at_block && at_block + done == threads) {
            for (unsigned i = 0; i < threads; i++)
                if (core.fibres[i].state == WAITS_FOR_BLOCK) core.fibres[i].state = READY;
            continue;
        }
        if (moved) continue;
        // Lanes parted: those that wait for their warp meet without the others.
        for (unsigned first = 0; first < threads; first += LANES) moved |= release(first, std::min(first + LANES, threads));
        if (!moved) {
            fprintf(stderr, "emulated device: threads of a block wait for each other for ever\n");
            abort();
        }
    }
}

struct Function {
    void (*kernel)(void**);
    bool fibres;
};

static std::atomic<long> launches{0};

DRIVER Result cuLaunchKernel(Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned x, unsigned y, unsigned z,
                             unsigned shared_bytes, void*, void** arguments, void**) {
    static std::mutex one_at_a_time;
    const std::lock_guard<std::mutex> lock(one_at_a_time);
    launches++;
    if (!function->kernel) return SUCCESS;
    const unsigned long blocks = (unsigned long)grid_x * grid_y * grid_z;
    const unsigned threads = x * y * z;
    std::atomic<unsigned long> next{0};
    auto work = [&] {
        core.kernel = function->kernel;
        core.arguments = arguments;
        core.shared.resize(shared_bytes + 256);
        char* shared = (char*)(((uintptr_t)core.shared.data() + 127) & ~(uintptr_t)127);
        emulated_thread = {{}, {}, {x, y, z}, {grid_x, grid_y, grid_z}, shared};
        for (unsigned long block; (block = next++) < blocks;) {
            emulated_thread.block = place(block, grid_x, grid_y);
            // Not a number: what is read before it is written shows.
            memset(shared, 0xff, shared_bytes);
            if (function->fibres) {
                run_block(threads, {x, y, z});
                continue;
            }
            for (unsigned i = 0; i < threads; i++) {
                emulated_thread.thread = place(i, x, y);
                function->kernel(arguments);
            }
        }
    };
    const bool worth_cores = blocks > 1 && blocks * threads > 8192;
    std::vector<std::thread> others(worth_cores ? setting("EMULATED_CORES", 2) - 1 : 0);
    for (auto& other : others) other = std::thread(work);
    work();
    for (auto& other : others) other.join();
    return SUCCESS;
}

// What nvrtc.cpp gives back for PTX: the path of a library behind a word, or the word alone.
DRIVER Result cuModuleLoadData(Function** module, const void* image) {
    const std::string text((const char*)image), word = "EMULATED:";
    if (text.compare(0, word.size(), word)) return INVALID_PTX;
    const std::string path = text.substr(word.size());
    if (path.empty()) {
        *module = new Function{nullptr, false};
        return SUCCESS;
    }
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "emulated device: %s\n", dlerror());
        return INVALID_PTX;
    }
    *module = new Function{(void (*)(void**))dlsym(library, "emulated_kernel"), *(int*)dlsym(library, "emulated_fibres") != 0};
    return SUCCESS;
}
DRIVER Result cuModuleGetFunction(Function** function, Function* module, const char*) {
    *function = module;
    return SUCCESS;
}
DRIVER Result cuModuleUnload(Function*) { return SUCCESS; }
DRIVER Result cuFuncSetAttribute(void*, int, int) { return SUCCESS; }

// The device.
static size_t total_bytes() { return setting("EMULATED_MEMORY", 8l << 30); }
static std::atomic<size_t> taken_bytes{0}, most_bytes{0};

DRIVER Result cuInit(unsigned) { return SUCCESS; }
DRIVER Result cuDriverGetVersion(int* version) { return *version = 13000, SUCCESS; }
DRIVER Result cuDeviceGet(int* device, int) { return *device = 0, SUCCESS; }
DRIVER Result cuDeviceGetCount(int* count) { return *count = 1, SUCCESS; }
DRIVER Result cuDeviceGetName(char* name, int length, int) { return snprintf(name, length, "emulated device, no GPU"), SUCCESS; }
DRIVER Result cuDeviceGetPCIBusId(char* id, int length, int) { return snprintf(id, length, "0000:00:00.0"), SUCCESS; }
DRIVER Result cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = total_bytes(), SUCCESS; }
DRIVER Result cuMemGetInfo_v2(size_t* left, size_t* total) { return *total = total_bytes(), *left = *total - taken_bytes, SUCCESS; }
DRIVER Result cuDeviceGetAttribute(int* value, int attribute, int) {
    const long capability = setting("EMULATED_SM", 61);
    switch (attribute) {
        case 1: case 2: case 3: *value = 1024; break;  // threads of a block, along x, along y
        case 4: *value = 64; break;                    // along z
        case 5: *value = 2147483647; break;            // blocks along x
        case 6: case 7: *value = 65535; break;         // along y, z
        case 8: *value = 49152; break;                 // shared bytes of a block
        case 97: *value = capability >= 80 ? 232448 : 98304; break;
        case 10: *value = LANES; break;
        case 16: *value = 4; break;                    // multiprocessors
        case 75: *value = capability / 10; break;
        case 76: *value = capability % 10; break;
        default: *value = 1;
    }
    return SUCCESS;
}

static int context;
DRIVER Result cuDevicePrimaryCtxRetain(void** found, int) { return *found = &context, SUCCESS; }
DRIVER Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
DRIVER Result cuCtxSetCurrent(void*) { return SUCCESS; }
DRIVER Result cuCtxGetCurrent(void** found) { return *found = &context, SUCCESS; }
DRIVER Result cuCtxSynchronize() { return SUCCESS; }
DRIVER Result cuCtxGetStreamPriorityRange(int* least, int* greatest) { return *least = *greatest = 0, SUCCESS; }

// Streams and events: there is nothing to wait for.
DRIVER Result cuStreamCreate(void** stream, unsigned) { return *stream = malloc(1), SUCCESS; }
DRIVER Result cuStreamCreateWithPriority(void** stream, unsigned, int) { return *stream = malloc(1), SUCCESS; }
DRIVER Result cuStreamDestroy_v2(void* stream) { return free(stream), SUCCESS; }
DRIVER Result cuStreamSynchronize(void*) { return SUCCESS; }
DRIVER Result cuStreamWaitEvent(void*, void*, unsigned) { return SUCCESS; }
DRIVER Result cuStreamIsCapturing(void*, int* capturing) { return *capturing = 0, SUCCESS; }

using Moment = std::chrono::steady_clock::time_point;
// Kernels that are not run take a millisecond each, or what measures the device's speed divides by nothing.
static Moment now() { return std::chrono::steady_clock::now() + std::chrono::milliseconds(dry() ? launches.load() : 0); }
DRIVER Result cuEventCreate(Moment** event, unsigned) { return *event = new Moment(now()), SUCCESS; }
DRIVER Result cuEventDestroy_v2(Moment* event) { return delete event, SUCCESS; }
DRIVER Result cuEventRecord(Moment* event, void*) { return *event = now(), SUCCESS; }
DRIVER Result cuEventSynchronize(Moment*) { return SUCCESS; }
DRIVER Result cuEventQuery(Moment*) { return SUCCESS; }
DRIVER Result cuEventElapsedTime(float* ms, Moment* start, Moment* end) {
    return *ms = std::chrono::duration<float, std::milli>(*end - *start).count(), SUCCESS;
}
DRIVER Result cuEventElapsedTime_v2(float* ms, Moment* start, Moment* end) { return cuEventElapsedTime(ms, start, end); }

// Memory.
static Result take(DevicePointer* place, size_t bytes) {
    void* found = nullptr;
    if (taken_bytes + bytes > total_bytes() || posix_memalign(&found, 512, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    if (!dry()) memset(found, 0xff, bytes);
    taken_bytes += malloc_usable_size(found);
    most_bytes = std::max(most_bytes.load(), taken_bytes.load());
    return *place = (DevicePointer)found, SUCCESS;
}
static Result give_back(DevicePointer place) {
    taken_bytes -= malloc_usable_size((void*)place);
    return free((void*)place), SUCCESS;
}
DRIVER Result cuMemAlloc_v2(DevicePointer* place, size_t bytes) { return take(place, bytes); }
DRIVER Result cuMemAllocAsync(DevicePointer* place, size_t bytes, void*) { return take(place, bytes); }
DRIVER Result cuMemFree_v2(DevicePointer place) { return give_back(place); }
DRIVER Result cuMemFreeAsync(DevicePointer place, void*) { return give_back(place); }
DRIVER Result cuMemAllocHost_v2(void** place, size_t bytes) { return posix_memalign(place, 512, bytes ? bytes : 1) ? OUT_OF_MEMORY : SUCCESS; }
DRIVER Result cuMemFreeHost(void* place) { return free(place), SUCCESS; }
DRIVER Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes, void*) { return memcpy((void*)to, from, bytes), SUCCESS; }
DRIVER Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, void*) { return memcpy(to, (void*)from, bytes), SUCCESS; }
DRIVER Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, void*) {
    return memmove((void*)to, (void*)from, bytes), SUCCESS;
}

// CUDA_MEMCPY2D_v2
struct Copy2D {
    size_t from_x, from_y;
    int from_kind;
    const void* from_host;
    DevicePointer from_device;
    void* from_array;
    size_t from_pitch;
    size_t to_x, to_y;
    int to_kind;
    void* to_host;
    DevicePointer to_device;
    void* to_array;
    size_t to_pitch;
    size_t bytes, rows;
};
DRIVER Result cuMemcpy2DAsync_v2(const Copy2D* copy, void*) {
    const int host = 1;
    const char* from = copy->from_kind == host ? (const char*)copy->from_host : (const char*)copy->from_device;
    char* to = copy->to_kind == host ? (char*)copy->to_host : (char*)copy->to_device;
    for (size_t row = 0; row < copy->rows; row++)
        memcpy(to + copy->to_x + (row + copy->to_y) * copy->to_pitch, from + copy->from_x + (row + copy->from_y) * copy->from_pitch, copy->bytes);
    return SUCCESS;
}

DRIVER Result cuTensorMapEncodeTiled(void* map, ...) { return memset(map, 0, 128), SUCCESS; }
DRIVER Result cuTensorMapEncodeIm2col(void* map, ...) { return memset(map, 0, 128), SUCCESS; }
DRIVER Result cuLaunchHostFunc(void*, void (*function)(void*), void* argument) { return function(argument), SUCCESS; }
DRIVER Result cuGetErrorString(Result, const char** text) { return *text = "error of the emulated device", SUCCESS; }
DRIVER Result cuGetErrorName(Result, const char** text) { return *text = "EMULATED", SUCCESS; }

__attribute__((destructor)) static void report() {
    if (launches) fprintf(stderr, "emulated device: %ld launches, at most %zu bytes taken\n", launches.load(), most_bytes.load());
}
