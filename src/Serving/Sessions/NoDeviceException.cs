namespace OnnxMoe.Serving.Sessions;

/// <summary>All devices of the server have failed.</summary>
/// <param name="ended">Ends when none uses the run's inputs any more.</param>
internal sealed class NoDeviceException(Task ended)
    : DeviceException("All devices of the server have failed; GET /health says why, and POST /admin/devices/0/restart starts one again.", ended);
