/* The library itself, and how a GPU is found: initialisation, versions, handles, identity. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "state.h"

#define DRIVER_VERSION "580.95.05-simulated"
#define CUDA_VERSION 13000
#define GPU_NAME "NVIDIA H200 (simulated)"

/* Not in NVIDIA's library: a caller that finds it knows what it talks to. */
API const char freehold_simulation[] = "Freehold's simulation of NVML; no GPU is behind it";

atomic_int initialised;

API int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    int status = enter_library(__func__);
    if (status == NVML_SUCCESS)
        atomic_fetch_add(&initialised, 1);
    return status;
}
API int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
API int nvmlInit(void) { return nvmlInitWithFlags(0); }

API int nvmlShutdown(void)
{
    if (atomic_fetch_sub(&initialised, 1) > 0)
        return NVML_SUCCESS;
    atomic_fetch_add(&initialised, 1);
    return NVML_ERROR_UNINITIALIZED;
}

API const char *nvmlErrorString(int status)
{
    switch (status) {
    case NVML_SUCCESS:
        return "Success";
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED:
        return "Not Supported";
    case NVML_ERROR_NOT_FOUND:
        return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE:
        return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED:
        return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT:
        return "Timeout";
    case NVML_ERROR_GPU_IS_LOST:
        return "GPU is lost";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH:
        return "Argument version mismatch";
    default:
        return "Unknown Error";
    }
}

int copy_text(char *out, size_t size, const char *from)
{
    NEEDS(out);
    if (strlen(from) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(out, from);
    return finish();
}

API int nvmlSystemGetDriverVersion(char *out, unsigned size)
{
    SYSTEM_CALL();
    return copy_text(out, size, text(NO_GPU, "driver_version", DRIVER_VERSION));
}

API int nvmlSystemGetNVMLVersion(char *out, unsigned size)
{
    SYSTEM_CALL();
    return copy_text(out, size, text(NO_GPU, "nvml_version", "13." DRIVER_VERSION));
}

API int nvmlSystemGetCudaDriverVersion(int *out)
{
    SYSTEM_CALL();
    NEEDS(out);
    *out = (int)whole(NO_GPU, "cuda_version", CUDA_VERSION);
    return finish();
}
API int nvmlSystemGetCudaDriverVersion_v2(int *out) { return nvmlSystemGetCudaDriverVersion(out); }

API int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned size)
{
    SYSTEM_CALL();
    NEEDS(out && size);
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return NVML_ERROR_NOT_FOUND;
    size_t length = fread(out, 1, size - 1, file);
    fclose(file);
    out[length] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return finish();
}

API int nvmlUnitGetCount(unsigned *out)
{
    SYSTEM_CALL();
    NEEDS(out);
    *out = 0;
    return finish();
}

API int nvmlDeviceGetCount_v2(unsigned *out)
{
    SYSTEM_CALL();
    NEEDS(out);
    *out = (unsigned)gpu_count();
    return finish();
}
API int nvmlDeviceGetCount(unsigned *out) { return nvmlDeviceGetCount_v2(out); }

API int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml_device *out)
{
    SYSTEM_CALL();
    if (!out || index >= (unsigned)gpu_count())
        return NVML_ERROR_INVALID_ARGUMENT;
    if (is_lost((int)index))
        return NVML_ERROR_GPU_IS_LOST;
    *out = handle_of((int)index);
    return finish();
}
API int nvmlDeviceGetHandleByIndex(unsigned index, nvml_device *out)
{
    return nvmlDeviceGetHandleByIndex_v2(index, out);
}

/* Looks a GPU up by one of its names. */
static int handle_by(const char *wanted, void (*name_of)(int, char *), nvml_device *out)
{
    NEEDS(wanted && out);
    for (int gpu = 0; gpu < gpu_count(); gpu++) {
        char name[64];
        name_of(gpu, name);
        if (strcasecmp(name, wanted) != 0)
            continue;
        if (is_lost(gpu))
            return NVML_ERROR_GPU_IS_LOST;
        *out = handle_of(gpu);
        return finish();
    }
    return NVML_ERROR_NOT_FOUND;
}

API int nvmlDeviceGetHandleByUUID(const char *uuid, nvml_device *out)
{
    SYSTEM_CALL();
    return handle_by(uuid, uuid_of, out);
}

API int nvmlDeviceGetHandleBySerial(const char *serial, nvml_device *out)
{
    SYSTEM_CALL();
    return handle_by(serial, serial_of, out);
}

API int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvml_device *out)
{
    SYSTEM_CALL();
    return handle_by(bus_id, bus_id_of, out);
}
API int nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvml_device *out)
{
    return nvmlDeviceGetHandleByPciBusId_v2(bus_id, out);
}

/* FNV-1a over the seed (by default the host's name, so that two nodes have different GPUs), the index and a salt. */
uint64_t hash_of(int gpu, uint64_t salt)
{
    char host[65] = "", mixed[192];
    gethostname(host, sizeof host - 1);
    snprintf(mixed, sizeof mixed, "%.100s/%d/%llu", text(NO_GPU, "seed", host), gpu, (unsigned long long)salt);
    uint64_t hash = 0xcbf29ce484222325ull;
    for (const char *c = mixed; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
    hash ^= hash >> 32;
    return hash * 0x9e3779b97f4a7c15ull;
}

void uuid_of(int gpu, char *out)
{
    uint64_t high = hash_of(gpu, 1), low = hash_of(gpu, 2);
    snprintf(out, 41, "GPU-%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16) & 0xffff,
             (unsigned)high & 0xffff, (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffffull));
}

void serial_of(int gpu, char *out)
{
    snprintf(out, 24, "165%010llu", (unsigned long long)(hash_of(gpu, 3) % 10000000000ull));
}

/* The bus numbers of an HGX board with 8 GPUs, then free ones. */
unsigned bus_of(int gpu)
{
    static const unsigned char buses[8] = {0x1B, 0x43, 0x52, 0x61, 0x9D, 0xC3, 0xD1, 0xDF};
    return gpu < 8 ? buses[gpu] : 0xE0u + (unsigned)gpu;
}

void bus_id_of(int gpu, char *out) { snprintf(out, 32, "00000000:%02X:00.0", bus_of(gpu)); }

API int nvmlDeviceGetName(nvml_device handle, char *out, unsigned size)
{
    ANY_CALL(gpu, instance, handle);
    char name[128];
    int length = snprintf(name, sizeof name, "%s", text(gpu, "name", GPU_NAME));
    if (instance && length < (int)sizeof name)
        snprintf(name + length, sizeof name - (size_t)length, " MIG %s", instance->profile);
    return copy_text(out, size, name);
}

API int nvmlDeviceGetUUID(nvml_device handle, char *out, unsigned size)
{
    ANY_CALL(gpu, instance, handle);
    char uuid[64];
    uuid_of(gpu, uuid);
    if (!instance)
        return copy_text(out, size, text(gpu, "uuid", uuid));
    memcpy(uuid, "MIG", 3);
    snprintf(uuid + 28, sizeof uuid - 28, "%06x%06x", instance->gi & 0xffffff, instance->ci & 0xffffff);
    return copy_text(out, size, uuid);
}

API int nvmlDeviceGetSerial(nvml_device handle, char *out, unsigned size)
{
    DEVICE_CALL(gpu, handle);
    char serial[64];
    serial_of(gpu, serial);
    return copy_text(out, size, serial);
}

API int nvmlDeviceGetVbiosVersion(nvml_device handle, char *out, unsigned size)
{
    DEVICE_CALL(gpu, handle);
    return copy_text(out, size, text(gpu, "vbios_version", "96.00.A5.00.03"));
}

API int nvmlDeviceGetPciInfo_v3(nvml_device handle, struct pci_info *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    memset(out, 0, sizeof *out);
    out->bus = bus_of(gpu);
    out->pci_device_id = (uint32_t)whole(gpu, "pci_device_id", 0x233510DE);
    out->pci_subsystem_id = 0x18BE10DE;
    bus_id_of(gpu, out->bus_id);
    memcpy(out->bus_id_legacy, out->bus_id + 4, 13);
    return finish();
}
API int nvmlDeviceGetPciInfo_v2(nvml_device handle, struct pci_info *out)
{
    return nvmlDeviceGetPciInfo_v3(handle, out);
}
