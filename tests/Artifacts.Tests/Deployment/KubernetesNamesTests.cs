using System.Text.RegularExpressions;
using OnnxMoe.Artifacts.Deployment;

namespace OnnxMoe.Artifacts.Tests.Deployment;

public sealed partial class KubernetesNamesTests
{
    [Fact]
    public void LabelsKeepWhatIsValid()
    {
        Assert.Equal("granite-3-0", KubernetesNames.Label("Granite_3.0"));
        Assert.Equal("x3b", KubernetesNames.Label("3B"));
        Assert.Equal(["a", "b"], KubernetesNames.Unique(["a", "b"]));
        var unique = KubernetesNames.Unique(["A", "a"]);
        Assert.NotEqual(unique[0], unique[1]);
        Assert.Equal(unique, KubernetesNames.Unique(["A", "a"]));
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(90)).Select(_ => (char)random.Next(1, 300))]);
            var longest = random.Next(12, 64);
            var label = KubernetesNames.Label(text, longest);
            Assert.Matches(DnsLabel(), label);
            Assert.InRange(label.Length, 1, longest);
        }
    }

    [GeneratedRegex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    private static partial Regex DnsLabel();
}
