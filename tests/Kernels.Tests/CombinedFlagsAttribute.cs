using System.Reflection;
using Xunit.Sdk;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Runs a theory with every combination of its bool parameters.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CombinedFlagsAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod)
    {
        var count = testMethod.GetParameters().Length;
        return Enumerable.Range(0, 1 << count).Select(bits => Enumerable.Range(0, count).Select(i => (object)((bits >> i & 1) != 0)).ToArray());
    }
}
