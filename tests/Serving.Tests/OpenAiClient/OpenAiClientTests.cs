using System.Diagnostics;
using System.Reflection;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.OpenAiClient;

public sealed class OpenAiClientTests
{
    [Fact]
    public async Task OpenAisOwnClientUnderstandsTheServer()
    {
        var root = typeof(OpenAiClientTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(data => data.Key == "RepositoryRoot").Value!;
        var module = Path.Combine(root, "eng/npm/node_modules/openai/index.mjs");
        Assert.True(File.Exists(module), $"{module} is missing: run 'npm ci --prefix eng/npm' first.");
        await using var served = await Served.RandomAsync(options => (options.MaxTokens, options.Slots, options.QueueLimit, options.ApiKey) = (20, 2, 0, "right"), context: 200_000);
        var start = new ProcessStartInfo("node", [Path.Combine(AppContext.BaseDirectory, "OpenAiClient/client.mjs"), module, served.Server.Address.ToString()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var node = Process.Start(start)!;
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();
        Assert.Equal("ok", (await output).Trim() + await error);
    }
}
