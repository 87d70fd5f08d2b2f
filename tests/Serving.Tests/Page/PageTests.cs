using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Page;

/// <summary>The page at <c>/</c>, in a browser.</summary>
public sealed partial class PageTests
{
    [Fact]
    public async Task ChatShowsTextSpeedAndExperts()
    {
        using var scratch = new Scratch();
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder, context: 1024));
        var picture = scratch.PathOf("page.png");
        await Browser.RunAsync("chat", served, picture);
        Assert.True(new FileInfo(picture).Length > 20_000);
    }

    [Fact]
    public async Task AnAnswerCanBeStopped()
    {
        await using var served = await Served.RandomAsync(context: 200_000); // so long that its answer does not end within a test
        await Browser.RunAsync("stop", served);
    }

    [Fact]
    public async Task TheTextOfAModelIsNeverHtml()
    {
        await using var served = await Served.RecitingAsync("<img src=x onerror=alert(1)> <b>bold</b> &amp; \u00e4\u20ac\U0001f600");
        await Browser.RunAsync("html", served);
    }

    [Fact]
    public async Task TheKeyIsAskedForAndErrorsAreShown()
    {
        await using var served = await Served.RandomAsync(options => options.ApiKey = "secret");
        await Browser.RunAsync("key", served);
    }

    [Fact]
    public async Task EachDeviceHasABar()
    {
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder), options => options.Devices = 2);
        await Browser.RunAsync("devices", served);
    }

    [Fact]
    public async Task AModelOfTensorsHasAForm()
    {
        await using var served = await Served.StartAsync(folder =>
        {
            TinyModel.WriteRandom(folder);
            File.Delete(Path.Combine(folder, ModelManifest.FileName));
        });
        await Browser.RunAsync("tensors", served);
    }

    [Fact]
    public async Task ThePolicyAllowsItsOwnScriptsAlone()
    {
        await using var served = await Served.RandomAsync(options => options.ApiKey = "secret");
        using var response = await served.Client.GetAsync("/");
        Assert.Equal(MediaTypeHeaderValue.Parse("text/html; charset=utf-8"), response.Content.Headers.ContentType);
        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        var document = await response.Content.ReadAsStringAsync();
        foreach (var name in new[] { "script", "style" })
        {
            var contents = Regex.Matches(document, $"<{name}>(.*?)</{name}>", RegexOptions.Singleline).Select(match => match.Groups[1].Value).ToArray();
            Assert.NotEmpty(contents);
            var directive = Assert.Single(policy.Split("; "), part => part.StartsWith(name + "-src ", StringComparison.Ordinal));
            Assert.Equal(contents.Select(content => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)))}'"), directive.Split(' ')[1..]);
        }
        Assert.StartsWith("default-src 'none'; ", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy);
        Assert.DoesNotMatch(Foreign(), document);
    }

    /// <summary>Handlers and styles in attributes, files besides the document.</summary>
    [GeneratedRegex("""<[^>]*\s(on[a-z]+|style|src)=|<link rel="stylesheet"|href="https?:""")]
    private static partial Regex Foreign();
}
