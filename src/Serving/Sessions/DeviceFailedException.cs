namespace OnnxMoe.Serving.Sessions;

/// <summary>A device failed that a sequence was at home on: its caches are lost, but computed once more elsewhere it goes on where it was.</summary>
/// <param name="device">Number of the device.</param>
/// <param name="reason">What happened.</param>
/// <param name="ended">Ends when the device uses the run's inputs no more.</param>
internal sealed class DeviceFailedException(int device, string reason, Task ended) : DeviceException($"Device {device} failed: {reason}", ended);
