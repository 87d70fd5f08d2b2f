using System.Diagnostics;
using System.Reflection;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Page;

/// <summary>Headless Chromium, driven through playwright-core by <c>page.mjs</c>.</summary>
internal static class Browser
{
    private const string Chromium = "/usr/bin/chromium";

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    /// <summary>Plays a scenario on the page of a server.</summary>
    /// <param name="scenario">Its name in <c>page.mjs</c>.</param>
    /// <param name="served">The server.</param>
    /// <param name="picture">Where a scenario that takes a picture writes it.</param>
    public static async Task RunAsync(string scenario, Served served, string picture = "")
    {
        var root = typeof(Browser).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(data => data.Key == "RepositoryRoot").Value!;
        var module = Path.Combine(root, "eng/npm/node_modules/playwright-core/index.mjs");
        Assert.True(File.Exists(Chromium), $"{Chromium} is missing: run 'eng/setup --tests' first, which installs it.");
        Assert.True(File.Exists(module), $"{module} is missing: run 'npm ci --prefix eng/npm' first.");
        var start = new ProcessStartInfo("node", [Path.Combine(AppContext.BaseDirectory, "Page/page.mjs"), module, Chromium, served.Server.Address.ToString(), scenario, picture])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var node = Process.Start(start)!;
        try
        {
            using var time = new CancellationTokenSource(Longest);
            var (output, error) = (node.StandardOutput.ReadToEndAsync(time.Token), node.StandardError.ReadToEndAsync(time.Token));
            await node.WaitForExitAsync(time.Token);
            var said = (await output).Trim() + await error;
            Assert.True(said == "ok", said);
        }
        finally
        {
            if (!node.HasExited)
                node.Kill(entireProcessTree: true);
        }
    }
}
