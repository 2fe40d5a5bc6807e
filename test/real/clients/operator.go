// An operator as client-go users write them: elected leader, shared informers over a custom resource and the ConfigMaps it
// makes, a rate-limited queue, and a reconcile function that reads caches and writes through the API. It keeps one ConfigMap
// per Widget, reports in the Widget's status, and prints a line for each thing it did. SIGTERM ends it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

var widgets = schema.GroupVersionResource{Group: "shop.example.com", Version: "v1", Resource: "widgets"}

type operator struct {
	client     kubernetes.Interface
	dynamic    dynamic.Interface
	widgets    cache.GenericLister
	configMaps corelisters.ConfigMapLister
	queue      workqueue.TypedRateLimitingInterface[string]
	events     record.EventRecorder
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	client := kubernetes.NewForConfigOrDie(config)
	version, err := client.Discovery().ServerVersion()
	must(err)
	fmt.Println("server", version.Major, version.Minor)
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "operator", Namespace: "default"},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "only-one"},
	}
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: lock, ReleaseOnCancel: true, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				fmt.Println("leading")
				run(ctx, client, dynamic.NewForConfigOrDie(config))
			},
			OnStoppedLeading: func() { fmt.Println("stopped") },
		},
	})
}

func run(ctx context.Context, client kubernetes.Interface, dyn dynamic.Interface) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	typed := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "widget" }))
	untyped := dynamicinformer.NewDynamicSharedInformerFactory(dyn, 0)
	o := &operator{
		client:     client,
		dynamic:    dyn,
		widgets:    untyped.ForResource(widgets).Lister(),
		configMaps: typed.Core().V1().ConfigMaps().Lister(),
		queue:      workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
		events:     broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "operator"}),
	}
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			o.queue.Add(key)
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }, DeleteFunc: enqueue}
	_, err := untyped.ForResource(widgets).Informer().AddEventHandler(handler)
	must(err)
	// a ConfigMap has its Widget's name
	_, err = typed.Core().V1().ConfigMaps().Informer().AddEventHandler(handler)
	must(err)
	typed.Start(ctx.Done())
	untyped.Start(ctx.Done())
	typed.WaitForCacheSync(ctx.Done())
	untyped.WaitForCacheSync(ctx.Done())
	fmt.Println("synced")
	go func() {
		<-ctx.Done()
		o.queue.ShutDown()
	}()
	for {
		key, shutdown := o.queue.Get()
		if shutdown {
			return
		}
		if err := o.reconcile(ctx, key); err != nil {
			fmt.Println("retry", key, err)
			o.queue.AddRateLimited(key)
		} else {
			o.queue.Forget(key)
		}
		o.queue.Done(key)
	}
}

func (o *operator) reconcile(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	object, err := o.widgets.ByNamespace(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		fmt.Println("gone", key)
		return nil
	}
	if err != nil {
		return err
	}
	widget := object.(*unstructured.Unstructured).DeepCopy()
	size, _, err := unstructured.NestedInt64(widget.Object, "spec", "size")
	if err != nil {
		return err
	}
	want := fmt.Sprint(size)
	found, err := o.configMaps.ConfigMaps(namespace).Get(name)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if apierrors.IsNotFound(err) || found.Data["size"] != want {
		owner := applymetav1.OwnerReference().WithAPIVersion(widget.GetAPIVersion()).WithKind(widget.GetKind()).WithName(name).WithUID(widget.GetUID()).WithController(true)
		apply := applycorev1.ConfigMap(name, namespace).WithLabels(map[string]string{"widget": name}).WithData(map[string]string{"size": want}).WithOwnerReferences(owner)
		if _, err := o.client.CoreV1().ConfigMaps(namespace).Apply(ctx, apply, metav1.ApplyOptions{FieldManager: "operator", Force: true}); err != nil {
			return err
		}
		o.events.Eventf(runtime.Object(widget), corev1.EventTypeNormal, "Applied", "the ConfigMap says size %s", want)
		fmt.Println("applied", key, want)
	}
	if observed, _, _ := unstructured.NestedInt64(widget.Object, "status", "size"); observed != size {
		if err := unstructured.SetNestedField(widget.Object, size, "status", "size"); err != nil {
			return err
		}
		if _, err := o.dynamic.Resource(widgets).Namespace(namespace).UpdateStatus(ctx, widget, metav1.UpdateOptions{}); err != nil {
			return err
		}
		fmt.Println("status", key, want)
	}
	return nil
}

func must(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}
