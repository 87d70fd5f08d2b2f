using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Sessions;

public sealed class SessionProvidersTests
{
    [Fact]
    public async Task TheServerSaysWhichProviderEachDeviceGot()
    {
        await using var whole = await Served.RandomAsync();
        Assert.Equal(["CPUExecutionProvider"], whole.Server.Model.Providers);
        await using var cut = await Served.StartAsync(folder => MoeModel.Write(folder), options => options.Devices = 2);
        Assert.Equal(["CPUExecutionProvider", "CPUExecutionProvider"], cut.Server.Model.Providers);

        using var output = new StringWriter();
        using var stop = new CancellationTokenSource();
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        var serving = ServeRun.ExecuteAsync(scratch.Folder, new ServeOptions { Port = 0, Log = "off" }, output, stop.Token);
        while (!output.ToString().Contains("KV cache", StringComparison.Ordinal) && !serving.IsCompleted)
            await Task.Delay(20);
        await stop.CancelAsync();
        await serving;
        Assert.Contains("ONNX Runtime runs it with CPUExecutionProvider.", output.ToString());
        Assert.Contains("KV cache: pages for 2,304 tokens of all sequences", output.ToString()); // 8 slots, 256 tokens and a page each
    }
}
