using System.Reflection;
using System.Runtime.Loader;
using TorchSharp;

namespace OnnxMoe.Compat.Tests.Listing;

public class ListingTests
{
    /// <summary>A program written against compat/TorchSharp must compile against the official package: compat has nothing of its own.</summary>
    [Fact]
    public void EveryMemberOfCompatIsInTheOfficialListing()
    {
        var known = Lines().ToHashSet();
        var context = new AssemblyLoadContext("compat", isCollectible: true);
        var compat = context.LoadFromAssemblyPath(Metadata("CompatTorchSharp"));
        var unknown = PublicApi.Of(compat).Where(line => !known.Contains(line)).ToList();
        Assert.Empty(unknown);
        context.Unload();
    }

    /// <summary>In the nuget lane the listing itself is checked, against the official package.</summary>
    [Fact]
    public void EveryLineOfTheListingIsAMemberOfTheReferencedTorchSharp()
    {
        var actual = PublicApi.Of(typeof(torch).Assembly).ToHashSet();
        var unknown = Lines().Where(line => !actual.Contains(line)).ToList();
        Assert.Empty(unknown);
    }

    private static IEnumerable<string> Lines()
    {
        using var reader = new StreamReader(typeof(ListingTests).Assembly.GetManifestResourceStream("listing.txt")!);
        return reader.ReadToEnd().Split('\n').Where(line => line.Length > 0 && line[0] != '#').ToList();
    }

    private static string Metadata(string key) =>
        typeof(ListingTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == key).Value!;
}
