using Microsoft.Extensions.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>Leaves signals to the program: ASP.NET Core's own handler would close the listener before the drain.</summary>
internal sealed class NoLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
